package sim

import (
	"context"
	"math/rand/v2"
	"strconv"
	"syscall"
	"time"

	"milena/internal/vfs/memfs"
)

// scheduler draws faults, and ends each after its time.
type scheduler struct {
	*world
	rng     *rand.Rand
	active  ongoing
	lastCut time.Time // end of the last power cut
	failing int       // disks that fail; what they lose may show late
	late    lateness
}

func (s *scheduler) run() {
	s.whole.Store(true)
	s.late = lateness{world: s.world, rng: rand.New(rand.NewPCG(s.seed, 4)), next: time.Now()}
	end := time.Now().Add(s.duration)
	for time.Now().Before(end) {
		s.rest(s.between(50, 4000))
		s.active.undoDue(time.Now())
		s.noteWhole()
		if len(s.active) < 1+s.rng.IntN(3) {
			s.draw()
		}
	}
	s.active.undoDue(end.Add(24 * time.Hour))
	s.late.active.undoDue(end.Add(24 * time.Hour))
	s.net.HealAll()
	s.say("the faults are over")
}

// rest waits; what only makes things late comes and goes meanwhile, where mutexes let time pass: the clients hold theirs over requests.
func (s *scheduler) rest(d time.Duration) {
	end := time.Now().Add(d)
	for mutexesLetTimePass && s.late.next.Before(end) {
		time.Sleep(time.Until(s.late.next))
		s.late.step()
	}
	time.Sleep(time.Until(end))
}

func (s *scheduler) between(fromMs, toMs int) time.Duration {
	return time.Duration(fromMs+s.rng.IntN(toMs-fromMs)) * time.Millisecond
}

func (s *scheduler) lasting(d time.Duration, undo func()) { s.active.add(d, undo) }

// noteWhole notes when all replicas are in sync again after a power cut, or what else may have left a single copy: then the next one may come.
func (s *scheduler) noteWhole() {
	if s.whole.Load() || s.failing > 0 || time.Since(s.lastCut) < 8*time.Second {
		return
	}
	for _, n := range s.nodes {
		if !n.up() {
			return
		}
	}
	s.whole.Store(s.everyISR(func(isr, replicas []int32) bool { return len(isr) == len(replicas) }))
}

func (s *scheduler) everyISR(ok func(isr, replicas []int32) bool) bool {
	topics, err := s.look.Topics(context.Background())
	if err != nil {
		return false
	}
	states, err := s.look.PartitionStates(context.Background(), topics)
	if err != nil {
		return false
	}
	for _, t := range topics {
		for i, p := range t.Partitions {
			st := states[partitionID(t.Name, i)]
			if st != nil && !ok(st.ISR, p.Replicas) {
				return false
			}
		}
	}
	return true
}

// mayLoseCopies tells whether the promise holds through a power cut, or what else takes the copies of one machine: with all records synced always,
// else when nothing is still missing somewhere since the last one, so that all that this machine may lose is on another one, alive or not. Who is
// told so once goes on to do it.
func (w *world) mayLoseCopies() bool { return w.whole.CompareAndSwap(true, false) || w.durable }

// draw makes one fault.
func (s *scheduler) draw() {
	n := s.nodes[s.rng.IntN(len(s.nodes))]
	kinds := []func(*node){
		s.powerCut, s.powerCut, s.kill, s.kill, s.stop, s.cut, s.cut, s.cut, s.isolate, s.unreachable, s.unreachable, s.expire, s.expire,
		s.pause, s.pause, s.fullDisk, s.reset, s.loseReplies, s.killMany, s.failDisk, s.controllerDies,
	}
	kinds[s.rng.IntN(len(kinds))](n)
}

// revive starts a process again; one that is not there yet has to end first.
func (s *scheduler) revive(n *node) func() {
	return func() {
		s.say("broker %d: start", n.id)
		n.power()
		n.begin()
		n.busy = false
	}
}

func (s *scheduler) downTime() time.Duration {
	if s.rng.IntN(3) == 0 {
		return s.between(1, 300) // back before anyone has noticed
	}
	return s.between(300, 20_000)
}

func (s *scheduler) powerCut(n *node) {
	if n.busy || n.life == nil || !s.mayLoseCopies() {
		return
	}
	seed := s.rng.Uint64()
	s.say("broker %d: power cut", n.id)
	n.busy = true
	n.powerCut(seed)
	s.lasting(s.downTime(), func() {
		s.revive(n)()
		s.lastCut = time.Now()
	})
}

func (s *scheduler) kill(n *node) {
	if n.busy || n.life == nil {
		return
	}
	s.say("broker %d: kill", n.id)
	n.busy = true
	n.kill()
	s.lasting(s.downTime(), s.revive(n))
}

// killMany kills several at once, or all.
func (s *scheduler) killMany(*node) {
	for _, n := range s.nodes[s.rng.IntN(2):] {
		s.kill(n)
	}
}

// controllerDies kills the controller, or cuts its power.
func (s *scheduler) controllerDies(*node) {
	holder, err := s.look.Controller(context.Background())
	if err != nil {
		return
	}
	n := s.nodes[holder.BrokerID-1]
	if s.rng.IntN(2) == 0 {
		s.kill(n)
	} else {
		s.powerCut(n)
	}
}

func (s *scheduler) stop(n *node) {
	if n.busy || !n.up() {
		return
	}
	s.say("broker %d: stop", n.id)
	n.busy = true
	n.stop(s.between(10, 20_000))
	s.say("broker %d: stopped", n.id)
	s.lasting(s.downTime(), s.revive(n))
}

// other is any broker but that.
func (s *scheduler) other(n *node) *node {
	return s.nodes[(n.id-1+1+s.rng.IntN(len(s.nodes)-1))%len(s.nodes)]
}

// cut cuts a link between brokers: both ways or one, holding or losing what is under way.
func (s *scheduler) cut(n *node) {
	a, b := hostOf(n.id), hostOf(s.other(n).id)
	switch s.rng.IntN(4) {
	case 0:
		s.say("cut %s -> %s", a, b)
		s.net.Cut(a, b)
	case 1:
		s.say("drop %s -> %s", a, b)
		s.net.Drop(a, b)
	default:
		s.say("cut %s - %s", a, b)
		s.net.CutBoth(a, b)
	}
	s.lasting(s.between(100, 15_000), func() {
		s.say("heal %s - %s", a, b)
		s.net.Heal(a, b)
	})
}

// isolate cuts a broker off from all others and the clients, but not from the store.
func (s *scheduler) isolate(n *node) {
	if n.busy {
		return
	}
	s.say("isolate broker %d", n.id)
	s.net.Isolate(hostOf(n.id))
	s.lasting(s.between(100, 15_000), func() {
		s.say("heal broker %d", n.id)
		s.rejoin(n)
	})
}

// rejoin heals all links of a broker.
func (s *scheduler) rejoin(n *node) {
	for _, host := range s.hosts() {
		if host != hostOf(n.id) {
			s.net.Heal(hostOf(n.id), host)
		}
	}
}

// unreachable cuts a broker off from the store.
func (s *scheduler) unreachable(n *node) {
	if n.busy || n.life == nil {
		return
	}
	s.say("broker %d: the store is unreachable", n.id)
	link := n.link
	link.SetWait(s.rng.IntN(8000))
	link.Cut()
	life := n.life
	s.lasting(s.between(50, 12_000), func() {
		if n.life == life {
			s.say("broker %d: the store is reachable", n.id)
			link.Restore()
		}
	})
}

func (s *scheduler) expire(*node) {
	sessions := s.store.Sessions()
	if len(sessions) == 0 {
		return
	}
	id := sessions[s.rng.IntN(len(sessions))]
	s.say("session %d: expired", id)
	s.store.ExpireSession(id)
}

func (s *scheduler) loseReplies(n *node) {
	count := 1 + s.rng.IntN(3)
	s.say("broker %d: the store loses %d replies", n.id, count)
	n.link.LoseReplies(count)
}

// pause is what SIGSTOP is to all others: nothing comes in or goes out. Its own clock goes on, for a goroutine cannot be held.
func (s *scheduler) pause(n *node) {
	if n.busy || n.life == nil {
		return
	}
	s.say("broker %d: pause", n.id)
	n.busy = true
	s.net.Isolate(hostOf(n.id))
	link := n.link
	link.SetWait(60_000)
	link.Cut()
	s.lasting(s.between(100, 15_000), func() {
		s.say("broker %d: goes on", n.id)
		s.rejoin(n)
		link.Restore()
		n.busy = false
	})
}

func (s *scheduler) fullDisk(n *node) {
	if n.busy || !n.up() {
		return
	}
	s.say("broker %d: full disk", n.id)
	n.busy = true
	fs := n.fs
	if space, err := fs.Space("/data"); err == nil {
		fs.SetCapacity(space.TotalBytes - space.UsableBytes + int64(s.rng.IntN(4096)))
	}
	s.lasting(s.between(500, 8000), func() {
		s.say("broker %d: disk has room", n.id)
		fs.SetCapacity(memfs.DefaultCapacityBytes)
		n.busy = false
	})
}

// failDisk fails one kind of operation: the directory goes offline, and whoever looks after the broker starts it again. What the disk has lost
// is not known: it counts as a power cut.
func (s *scheduler) failDisk(n *node) {
	if n.busy || !n.up() || !s.mayLoseCopies() {
		return
	}
	s.failing++
	kinds := []memfs.OpKind{memfs.OpWrite, memfs.OpSync, memfs.OpRead, memfs.OpCreate, memfs.OpRename}
	kind, names := kinds[s.late.rng.IntN(len(kinds))], ""
	if kind == memfs.OpWrite || kind == memfs.OpRead {
		names = ".log"
	}
	s.say("broker %d: disk fails to %v", n.id, kind)
	n.busy = true
	n.fs.SetFault(memfs.FailKind(kind, names, syscall.EIO))
	s.lasting(s.between(500, 8000), func() {
		s.say("broker %d: another controller of the disk, kill", n.id)
		n.fs.SetFault(nil)
		n.kill()
		s.revive(n)()
		s.failing--
		s.lastCut = time.Now()
	})
}

func (s *scheduler) reset(n *node) {
	a, b := hostOf(n.id), s.hosts()[s.rng.IntN(len(s.hosts()))]
	s.say("reset %s - %s", a, b)
	s.net.Reset(a, b)
}

// hosts are all machines: brokers and clients.
func (w *world) hosts() []string {
	var all []string
	for _, n := range w.nodes {
		all = append(all, hostOf(n.id))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.clients {
		all = append(all, "client"+strconv.Itoa(i+1))
	}
	return all
}
