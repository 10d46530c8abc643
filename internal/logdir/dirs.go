package logdir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"milena/internal/commitlog"
	"milena/internal/config"
	"milena/internal/vfs"
)

// Options is what the data directories need.
type Options struct {
	FS     vfs.FS
	Config *config.Live
	Logger *slog.Logger
	// Files bounds the open files of all logs; nil: unbounded.
	Files commitlog.FileCache
	// MetaVersion is the version of a meta.properties that is made anew: 0 (broker.id) or 1 (node.id).
	MetaVersion int
}

// Dirs is the data directories of a broker and the logs in them.
type Dirs struct {
	options Options
	dirs    []*Dir // as log.dirs lists them; never changed

	createMu sync.Mutex
	mu       sync.RWMutex
	logs     map[TopicPartition]*Log
	broken   map[TopicPartition]error // logs that could not be opened
	told     []func(*Dir)             // see OnFailure

	allOffline chan struct{}
	offline    atomic.Int32 // how many directories are offline
	stop       chan struct{}
	running    sync.WaitGroup // schedules and recovery
	failing    sync.WaitGroup // directories that are taken out of service; waited for when no log is left that could fail
	removals   removals
	cleaning   *cleaning
}

// Dir is one data directory.
type Dir struct {
	path  string
	owner *Dirs
	env   commitlog.Env
	lock  io.Closer
	meta  *Meta // nil until claimed, where the file is missing
	clean bool

	runningMu sync.Mutex
	running   running // what the marker says; guarded by runningMu

	checkpointMu sync.Mutex              // held from when it is looked what a checkpoint is to hold until it holds that
	written      map[string][]byte       // what each checkpoint holds; guarded by checkpointMu
	stale        map[TopicPartition]bool // logs that are gone, of which the checkpoints may have lines; guarded by checkpointMu

	// fullToldMs is when a full disk was last logged, in ms since 1970.
	fullToldMs atomic.Int64

	down   atomic.Bool
	loaded atomic.Bool  // every log in it was opened, or found broken: only then its checkpoints are written
	count  atomic.Int32 // number of logs in it
	// atStart is what each checkpoint held when the directory was loaded; the lines of broken logs are written again. Never changed
	// after.
	atStart map[string]map[TopicPartition]int64
	broken  []TopicPartition // guarded by Dirs.mu
}

// Log is one log and where it lives.
type Log struct {
	*commitlog.Log
	TopicPartition
	dir *Dir
	// HighWatermark is the checkpointed one, 0 where there was none.
	HighWatermark int64
	recoveryPoint atomic.Int64 // the checkpointed one
	id            atomic.Pointer[[16]byte]
	idUnsynced    atomic.Bool
}

// Dir is the directory that the log lies in.
func (l *Log) Dir() *Dir { return l.dir }

// TopicID is the topic's id, zero where it is not known.
func (l *Log) TopicID() [16]byte {
	if id := l.id.Load(); id != nil {
		return *id
	}
	return [16]byte{}
}

// Path is the directory's absolute path.
func (d *Dir) Path() string { return d.path }

// Offline tells whether the directory is out of service.
func (d *Dir) Offline() bool { return d.down.Load() }

// Logs is the number of logs in the directory.
func (d *Dir) Logs() int { return int(d.count.Load()) }

func (d *Dir) file(name string) string { return d.path + "/" + name }

// Open makes, locks and identifies every directory of log.dirs. One that cannot be used is offline from the start and logged;
// where none can, or another process holds one, the error says so. Nothing in them is read beyond the identity: see Claim and
// Load.
func Open(o Options) (*Dirs, error) {
	d := &Dirs{
		options: o, logs: map[TopicPartition]*Log{}, broken: map[TopicPartition]error{},
		allOffline: make(chan struct{}), stop: make(chan struct{}),
	}
	d.cleaning = newCleaning(d)
	d.removals.wake = make(chan struct{}, 1)
	for _, name := range o.Config.Broker().LogDirs {
		if abs, err := filepath.Abs(name); err == nil {
			name = filepath.ToSlash(abs)
		}
		if slices.ContainsFunc(d.dirs, func(other *Dir) bool { return other.path == name }) {
			return nil, fmt.Errorf("log.dirs names %s twice", name)
		}
		d.dirs = append(d.dirs, d.newDir(name))
	}
	for _, dir := range d.dirs {
		if err := dir.open(); err != nil {
			var identity *IdentityError
			if errors.Is(err, vfs.ErrLocked) || errors.As(err, &identity) {
				d.unlock()
				return nil, err
			}
			dir.failed(err)
		}
	}
	if int(d.offline.Load()) == len(d.dirs) {
		d.unlock()
		return nil, fmt.Errorf("none of the log directories (log.dirs) can be used: %v; see the messages above", d.paths())
	}
	return d, nil
}

func (d *Dirs) newDir(name string) *Dir {
	dir := &Dir{path: name, owner: d, written: map[string][]byte{}, stale: map[TopicPartition]bool{}}
	dir.env = commitlog.Env{
		FS: d.options.FS, Logger: d.options.Logger, ProducerExpiryMs: d.options.Config.Broker().ProducerIDExpirationMs,
		Failed: dir.failed, Files: d.options.Files, SyncIdentity: dir.syncTopicID,
	}
	return dir
}

func (d *Dir) open() error {
	fsys := d.env.FS
	if err := makeDurably(fsys, d.path); err != nil {
		return fmt.Errorf("log directory %s cannot be made: %w", d.path, err)
	}
	lock, err := fsys.Lock(d.file(".lock"))
	if err != nil {
		return lockError(d.path, err)
	}
	d.lock = lock
	d.meta, err = readMeta(fsys, d.path)
	return err
}

// makeDurably makes a directory and the parents that it lacks. A name among these that a power cut took would take with it all that was synced
// below.
func makeDurably(fsys vfs.FS, name string) error {
	var soiled []string
	for at := name; at != path.Dir(at); at = path.Dir(at) {
		if _, err := fsys.Stat(at); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		soiled = append(soiled, path.Dir(at))
	}
	if err := fsys.MkdirAll(name); err != nil {
		return err
	}
	for _, dir := range soiled {
		if err := fsys.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// lockError names who holds the directory.
func lockError(dir string, err error) error {
	var held *vfs.LockedError
	switch {
	case errors.As(err, &held) && held.PID > 0:
		return fmt.Errorf("Failed to acquire lock on file .lock in %s: process %d is using this directory; stop it, or give this broker other "+
			"log.dirs: %w", dir, held.PID, err)
	case errors.Is(err, vfs.ErrLocked):
		return fmt.Errorf("Failed to acquire lock on file .lock in %s: another process is using this directory; stop it, or give this broker "+
			"other log.dirs: %w", dir, err)
	}
	return fmt.Errorf("lock of log directory %s: %w", dir, err)
}

func (d *Dirs) paths() []string {
	names := make([]string, len(d.dirs))
	for i, dir := range d.dirs {
		names[i] = dir.path
	}
	return names
}

func (d *Dirs) unlock() {
	for _, dir := range d.dirs {
		if dir.lock != nil {
			_ = dir.lock.Close()
			dir.lock = nil
		}
	}
}

// Identity is what the directories say of their cluster and broker: "" and -1 where none says.
func (d *Dirs) Identity() (clusterID string, brokerID int32) {
	brokerID = -1
	for _, dir := range d.dirs {
		if dir.meta == nil {
			continue
		}
		if clusterID == "" {
			clusterID = dir.meta.ClusterID
		}
		if brokerID < 0 {
			brokerID = dir.meta.BrokerID
		}
	}
	return clusterID, brokerID
}

// Claim makes the directories those of a cluster and broker: one that belongs to others is an *IdentityError; meta.properties is
// written where it is missing.
func (d *Dirs) Claim(clusterID string, brokerID int32) error {
	for _, dir := range d.dirs {
		if dir.meta != nil {
			if err := dir.meta.verify(dir.path, clusterID, brokerID); err != nil {
				return err
			}
		}
	}
	for _, dir := range d.dirs {
		if dir.Offline() || dir.meta != nil && dir.meta.ClusterID != "" && dir.meta.BrokerID >= 0 {
			continue
		}
		m := Meta{Version: d.options.MetaVersion}
		if dir.meta != nil {
			m = *dir.meta
		}
		m.ClusterID, m.BrokerID = clusterID, brokerID
		if m.Version == 1 && m.DirectoryID == "" {
			m.DirectoryID = newDirectoryID()
		}
		if err := vfs.WriteFileAtomic(d.options.FS, dir.file(metaFile), encodeMeta(m)); err != nil {
			dir.failed(fmt.Errorf("%s: %w", dir.file(metaFile), err))
			continue
		}
		dir.meta = &m
	}
	return d.usable()
}

// usable is an error where every directory is offline.
func (d *Dirs) usable() error {
	if int(d.offline.Load()) == len(d.dirs) {
		return fmt.Errorf("every log directory is offline: %v", d.paths())
	}
	return nil
}

// Dirs lists the directories in the order of log.dirs.
func (d *Dirs) Dirs() []*Dir { return d.dirs }

// Get is a hosted log, nil where there is none.
func (d *Dirs) Get(tp TopicPartition) *Log {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.logs[tp]
}

// All lists the logs, in no order.
func (d *Dirs) All() []*Log {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.Collect(maps.Values(d.logs))
}

// Space is the room on the directory's volume.
func (d *Dir) Space() (vfs.Space, error) {
	if d.Offline() {
		return vfs.Space{}, ErrOffline
	}
	return d.env.FS.Space(d.path)
}
