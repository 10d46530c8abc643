// Package memcoord is the coordination store in memory, for tests: one Server holds the tree, and each broker of a test
// has a Client of its own, which can be cut off, lose its replies, or have its sessions expired. Time is the standard
// library's, so it runs under testing/synctest. It imports coord, coord/plan and coord/watches.
//
// Server.mu guards the tree, the sessions and the clients' state; watches.Set has its own, taken under it.
package memcoord

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"milena/internal/coord"
	"milena/internal/coord/plan"
)

// MaxDataBytes is the most a node may hold.
const MaxDataBytes = 4 << 20

// Server is the tree that the clients share.
type Server struct {
	mu       sync.Mutex
	nodes    map[string]*node // by path; the root is always there
	history  int64            // number of the last change
	sessions map[int64]*session
	lastID   int64
	clients  map[*Client]struct{}
}

type node struct {
	coord.Node
	children map[string]struct{}
	sequence int64
}

// NewServer makes an empty tree.
func NewServer() *Server {
	return &Server{
		nodes:    map[string]*node{"/": {}},
		sessions: make(map[int64]*session),
		clients:  make(map[*Client]struct{}),
	}
}

// Open makes a tree of its own for one client: enough where no second broker is played.
func Open() *Client { return NewServer().Open() }

// Open makes a client.
func (s *Server) Open() *Client {
	c := &Client{server: s, reachable: make(chan struct{}), sessions: make(map[int64]*session), waitMs: defaultWaitMs}
	close(c.reachable)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[c] = struct{}{}
	return c
}

// ExpireSession ends a session as if its time had run out: its nodes go at once. Its client is told when it is reachable,
// or at the latest when it has been cut off for the session's time-out.
func (s *Server) ExpireSession(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session := s.sessions[id]; session != nil {
		s.end(session)
		if !session.client.cut {
			session.tell()
		}
	}
}

// Sessions lists the ids of the living sessions, oldest first.
func (s *Server) Sessions() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.sessions))
}

// end removes a session and its nodes; the mutex is held. Each node goes by a change of its own.
func (s *Server) end(session *session) {
	delete(s.sessions, session.id)
	var owned []string
	for path, n := range s.nodes {
		if n.Stat.EphemeralOwner == session.id {
			owned = append(owned, path)
		}
	}
	slices.Sort(owned)
	for _, path := range owned {
		s.history++
		s.remove(path)
		s.changed(path, true)
	}
}

// view shows the tree to plan.Make, which runs under the server's mutex.
type view struct{ *Server }

func (v view) Node(path string) (plan.Facts, bool) {
	n := v.nodes[path]
	if n == nil {
		return plan.Facts{}, false
	}
	return plan.Facts{Version: n.Stat.Version, CreateID: n.Stat.CreateID, EphemeralOwner: n.Stat.EphemeralOwner}, true
}

func (v view) Children(path string) []string { return sortedNames(v.nodes[path]) }

func (v view) Sequence(path string) int64 { return v.nodes[path].sequence }

func sortedNames(n *node) []string {
	return slices.Sorted(maps.Keys(n.children))
}

// do evaluates operations and applies them; the mutex is held.
func (s *Server) do(ops []coord.Op) ([]coord.Result, error) {
	for i, op := range ops {
		if err := s.allowed(op); err != nil {
			return nil, &coord.MultiError{Index: i, Err: err}
		}
	}
	p, err := plan.Make(view{s}, ops)
	if err != nil {
		return nil, err
	}
	s.history++
	for _, change := range p.Changes {
		s.apply(change)
	}
	for parent, next := range p.Sequences {
		s.nodes[parent].sequence = next
	}
	for i, op := range ops {
		if _, ok := op.(coord.Set); ok {
			stat := &p.Results[i].Stat
			stat.ModID = s.history
			if stat.CreateID == 0 {
				stat.CreateID = s.history // made by the same multi
			}
		}
	}
	return p.Results, nil
}

// allowed checks what the plan does not know: living sessions and sizes.
func (s *Server) allowed(op coord.Op) error {
	switch op := op.(type) {
	case coord.Create:
		if op.Session != nil && s.sessions[op.Session.ID()] == nil {
			return fmt.Errorf("%w: %d", coord.ErrSessionExpired, op.Session.ID())
		}
		return checkSize(op.Path, op.Data)
	case coord.Set:
		return checkSize(op.Path, op.Data)
	}
	return nil
}

func checkSize(path string, data []byte) error {
	if len(data) > MaxDataBytes {
		return fmt.Errorf("%w: %s of %d bytes", coord.ErrTooLarge, path, len(data))
	}
	return nil
}

func (s *Server) apply(change *plan.Change) {
	if !change.Effective() {
		return
	}
	if change.Existed && (change.Made || !change.Exists) {
		s.remove(change.Path)
	}
	if change.Exists {
		n := s.nodes[change.Path]
		if n == nil {
			n = &node{}
			n.Stat.CreateID = s.history
			s.nodes[change.Path] = n
			parent, name := coord.Split(change.Path)
			if s.nodes[parent].children == nil {
				s.nodes[parent].children = make(map[string]struct{})
			}
			s.nodes[parent].children[name] = struct{}{}
		}
		n.Data = bytes.Clone(change.Data)
		n.Stat.Version, n.Stat.ModID, n.Stat.EphemeralOwner = change.Version, s.history, change.Owner
	}
	s.changed(change.Path, change.CameOrWent())
}

func (s *Server) remove(path string) {
	parent, name := coord.Split(path)
	if up := s.nodes[parent]; up != nil { // gone before its child in the order of a plan's changes
		delete(up.children, name)
	}
	delete(s.nodes, path)
}

func (s *Server) changed(path string, cameOrWent bool) {
	for c := range s.clients {
		if !c.cut { // one that is cut off gets a signal on every watch when it is back
			c.changed(path, cameOrWent)
		}
	}
}

// session ends by time-out only while its client is cut off, since a reachable client keeps it alive.
type session struct {
	client  *Client
	id      int64
	timeout time.Duration
	over    chan struct{}
	told    bool
	timer   *time.Timer // runs while cut off
}

// tell closes Expired once; the server's mutex is held.
func (s *session) tell() {
	if !s.told {
		s.told = true
		close(s.over)
	}
	delete(s.client.sessions, s.id)
}
