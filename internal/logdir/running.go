package logdir

import (
	"encoding/json"

	"milena/internal/config"
	"milena/internal/vfs"
)

// runningFile tells the next life what became of this one. It is Milena's own; Kafka passes over it.
const runningFile = ".milena_running"

// running is the marker's body:
//
//	{"version":0,"bootId":"6f0e…","synced":false,"unclean":true,"doubtful":false}
type running struct {
	Version int `json:"version"`
	// BootID is the run of the machine that this life is in: when the process alone dies, the next life is in the same one, and what was
	// written is there.
	BootID string `json:"bootId"`
	// Synced: every log of this life syncs what it acknowledges (flush.messages=1), so that no power cut takes any of it.
	Synced bool `json:"synced"`
	// Unclean: what was acknowledged before this life may be gone, and the controller has not taken that in yet.
	Unclean bool `json:"unclean"`
	// Doubtful: the disk may have failed in the life before, and what it had not synced then is perhaps in the machine's memory only, where
	// it passes for written. It is until the logs are recovered, which writes them again.
	Doubtful bool `json:"doubtful"`
}

// beginLife settles whether acknowledged records may be gone since the last life, and marks the begin of this one. It comes before the marker
// of a clean stop is taken away, so that a cut between the two finds either.
func (d *Dir) beginLife(clean bool) {
	var last running
	data, err := vfs.ReadFile(d.env.FS, d.file(runningFile))
	known := err == nil && json.Unmarshal(data, &last) == nil
	boot := d.env.FS.BootID()
	survived := clean || known && (last.Synced || boot != "" && last.BootID == boot)
	d.runningMu.Lock()
	defer d.runningMu.Unlock()
	defaults, err := config.TopicOf(d.owner.options.Config.Broker(), nil)
	d.running = running{
		BootID: boot, Synced: err == nil && defaults.FlushMessages == 1, Unclean: last.Unclean || !survived,
		Doubtful: last.Doubtful || !clean && !known, // takeOut has dropped the marker
	}
	d.writeRunning()
}

// doubtful tells whether what is recovered must be written again.
func (d *Dir) doubtful() bool {
	d.runningMu.Lock()
	defer d.runningMu.Unlock()
	return d.running.Doubtful
}

// trusted notes that all logs are recovered.
func (d *Dir) trusted() {
	d.runningMu.Lock()
	defer d.runningMu.Unlock()
	if d.running.Doubtful && !d.Offline() {
		d.running.Doubtful = false
		d.writeRunning()
	}
}

// writeRunning writes the marker; where that cannot be, there is none, and the next life takes this one's records for lost. The caller holds
// runningMu.
func (d *Dir) writeRunning() {
	data, err := json.Marshal(d.running)
	if err == nil {
		err = vfs.WriteFileAtomic(d.env.FS, d.file(runningFile), data)
	}
	if err != nil {
		d.dropRunning()
		d.failed(err)
	}
}

// dropRunning has the next life take everything for lost.
func (d *Dir) dropRunning() {
	_ = d.env.FS.Remove(d.file(runningFile))
	_ = d.env.FS.SyncDir(d.path)
}

// endLife is for a clean stop: the marker goes, but for what the controller does not know yet.
func (d *Dir) endLife() {
	d.runningMu.Lock()
	defer d.runningMu.Unlock()
	if !d.running.Unclean {
		d.dropRunning()
	}
}

// promise notes, before the log takes any records, that they are acknowledged unsynced.
func (d *Dir) promise(cfg *config.Topic) {
	if cfg.FlushMessages <= 1 {
		return
	}
	d.runningMu.Lock()
	defer d.runningMu.Unlock()
	if d.running.Synced {
		d.running.Synced = false
		d.writeRunning()
	}
}

// Unclean tells that records which this broker acknowledged may be gone: the last life ended without a clean stop, and with it the machine's
// page cache; or the directory is a new one. It stays so over lives until Settled.
func (d *Dirs) Unclean() bool {
	for _, dir := range d.dirs {
		dir.runningMu.Lock()
		unclean := dir.running.Unclean
		dir.runningMu.Unlock()
		if unclean && !dir.Offline() {
			return true
		}
	}
	return false
}

// Settled tells that the controller has taken in that records may be gone: this broker's replicas have left the ISRs that can do without.
func (d *Dirs) Settled() {
	for _, dir := range d.dirs {
		dir.runningMu.Lock()
		if dir.running.Unclean && !dir.Offline() {
			dir.running.Unclean = false
			dir.writeRunning()
		}
		dir.runningMu.Unlock()
	}
}
