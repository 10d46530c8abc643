// Package coord is the seam to the coordination store: a tree of versioned nodes, sessions with ephemeral nodes, watches
// and atomic multi-operations, as ZooKeeper has them. Behind it stand etcd X suite (coordtest) holds them to the same behaviour.
//
// A path starts with a slash and does not end with one; "/" is the root, which always exists. A node's parent must exist
// before the node (ErrNoNode), and a node with children cannot be deleted (ErrNotEmpty). An ephemeral node has no children.
//
// Exclusion comes from versions, never from a session alone: a session may be gone before its owner knows.
// This package imports nothing of Milena.
package coord

import (
	"context"
	"errors"
)

// AnyVersion in Set, Delete and Check stands for whatever version the node has.
const AnyVersion int32 = -1

// What a store refuses. Errors returned by a Store wrap one of these, or tell that the store cannot be reached
// (ErrUnavailable: the operation may or may not have happened).
var (
	ErrNoNode         = errors.New("coord: no such node")
	ErrNodeExists     = errors.New("coord: node exists")
	ErrBadVersion     = errors.New("coord: version differs")
	ErrNotEmpty       = errors.New("coord: node has children")
	ErrSessionExpired = errors.New("coord: session expired")
	ErrUnavailable    = errors.New("coord: store unavailable")
	ErrClosed         = errors.New("coord: store closed")
	// ErrEphemeralParent: an ephemeral node has no children.
	ErrEphemeralParent = errors.New("coord: parent is ephemeral")
	// ErrBadPath: the path is malformed (CheckPath), or the root is to be created, set or deleted.
	ErrBadPath = errors.New("coord: bad path")
	// ErrTooLarge: the node or the multi is larger than the store takes.
	ErrTooLarge = errors.New("coord: too large for the store")
	// ErrDenied: the store knows users, and this one may not do that.
	ErrDenied = errors.New("coord: not permitted")
)

// Stat is what the store knows of a node beside its data.
type Stat struct {
	// Version counts the changes of the data since creation, from 0.
	Version int32
	// CreateID is the position of the node's creation in the history of the whole store: it grows with each change anywhere,
	// so a node deleted and made again has a higher one. (ZooKeeper: czxid.) Kafka uses it as broker epoch.
	CreateID int64
	// ModID is the position of the last change of the data. (ZooKeeper: mzxid.)
	ModID int64
	// EphemeralOwner is the id of the session the node dies with, 0 for a persistent node.
	EphemeralOwner int64
}

// Node is a node's data and facts.
type Node struct {
	Data []byte
	Stat Stat
}

// Child is one node of a list of children.
type Child struct {
	Name string // last element of the path
	Node
}

// Store is a coordination store. It may be used by many goroutines at once. It reconnects by itself.
type Store interface {
	// Get reads a node. ErrNoNode where there is none.
	Get(ctx context.Context, path string) (Node, error)
	// Children lists the names (last path elements) of a node's children, sorted. ErrNoNode where the node is missing.
	Children(ctx context.Context, path string) ([]string, error)
	// List reads a node's children with their data, sorted by name, though not all at one instant. ErrNoNode where the node is missing.
	List(ctx context.Context, path string) ([]Child, error)
	// Create makes a node and returns its path (with Op.Sequential: with the number that the store added).
	Create(ctx context.Context, op Create) (string, error)
	// Set replaces a node's data if its version is the one given, or any with AnyVersion.
	Set(ctx context.Context, path string, data []byte, version int32) (Stat, error)
	// Delete removes a childless node if its version is the one given, or any with AnyVersion.
	Delete(ctx context.Context, path string, version int32) error
	// Multi does all operations or none. A refusal is a *MultiError. Its Creates name one Session at most.
	Multi(ctx context.Context, ops ...Op) ([]Result, error)
	// Watch reports changes until the watch is closed. No change is missed: after any change made once Watch has returned,
	// a signal follows at which the change can be read. Changes may share one signal, and a signal may come without a change
	// (after a reconnection, for example), so the answer to a signal is to read again.
	Watch(path string, what WatchKind) (Watch, error)
	// NewSession starts a session; it is kept alive until closed or until the store was not reached for its time-out.
	NewSession(ctx context.Context, timeoutMs int) (Session, error)
	// Close ends all watches and sessions of this client (ephemeral nodes go) and frees what it holds.
	Close() error
}

// WatchKind says which changes a watch reports.
type WatchKind int

const (
	// WatchNode reports creation, deletion and data changes of the node itself, which need not exist.
	WatchNode WatchKind = iota
	// WatchChildren reports that children of the node came or went (not their data). The node need not exist.
	WatchChildren
	// WatchTree reports any change of the node and of everything below it.
	WatchTree
)

// Watch is a running watch.
type Watch interface {
	// C has room for one signal. It is closed when the watch or the store is closed.
	C() <-chan struct{}
	Close()
}

// Session is what ephemeral nodes live with.
type Session interface {
	// ID is the session's number in the store, never 0.
	ID() int64
	// Expired is closed when the session is known to be over: by time-out, by Close, or because the store said so.
	// The nodes may have gone earlier.
	Expired() <-chan struct{}
	// Close ends the session and removes its nodes.
	Close(ctx context.Context) error
}

// Op is one operation of a Multi: a Create, Set, Delete or Check.
type Op interface{ isOp() }

// Create makes a node.
type Create struct {
	Path string
	Data []byte
	// Session makes the node ephemeral; nil makes it persistent.
	Session Session
	// Sequential adds a number of ten digits to the path, larger than that of every sequential sibling made before.
	Sequential bool
}

// Set replaces data.
type Set struct {
	Path    string
	Data    []byte
	Version int32
}

// Delete removes a node.
type Delete struct {
	Path    string
	Version int32
	// CreateID, where not 0, demands that the node is the one of that Stat.CreateID, not another made in its place; else ErrBadVersion.
	CreateID int64
}

// Check demands that a node exists at a version (any with AnyVersion).
type Check struct {
	Path     string
	Version  int32
	CreateID int64 // as in Delete
}

func (Create) isOp() {}
func (Set) isOp()    {}
func (Delete) isOp() {}
func (Check) isOp()  {}

// Result is what one operation of a Multi gave: the path of a Create, the Stat of a Set.
type Result struct {
	Path string
	Stat Stat
}

// MultiError tells which operation of a Multi was refused, and why (errors.Is sees through it).
type MultiError struct {
	Index int
	Err   error
}

func (e *MultiError) Error() string { return "coord: operation of a multi refused: " + e.Err.Error() }

// Unwrap gives the reason.
func (e *MultiError) Unwrap() error { return e.Err }

// Single is the error of a Multi of one operation as the operation's own.
func Single(err error) error {
	var multi *MultiError
	if errors.As(err, &multi) {
		return multi.Err
	}
	return err
}

// One does a single operation by a store's Multi; its error is the operation's own.
func One(ctx context.Context, s interface {
	Multi(ctx context.Context, ops ...Op) ([]Result, error)
}, op Op) (Result, error) {
	results, err := s.Multi(ctx, op)
	if err != nil {
		return Result{}, Single(err)
	}
	return results[0], nil
}
