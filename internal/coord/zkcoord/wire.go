package zkcoord

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A frame of ZooKeeper's protocol is its length and that many bytes, big-endian. The first one of each side is the handshake, in which the
// server tells the session:
//
//	 0        4          8         12              20
//	+--------+----------+---------+---------------+---------- - -
//	| length | protocol | timeout | session id    | password …
//	+--------+----------+---------+---------------+---------- - -
//
// All later ones have a header; of a request, and of a reply or an event:
//
//	 0        4      8          12
//	+--------+------+----------+---------- - -
//	| length | xid  | opcode   | body
//	+--------+------+----------+---------- - -
//
//	 0        4      8             16     20
//	+--------+------+-------------+------+---------- - -
//	| length | xid  | zxid        | code | body
//	+--------+------+-------------+------+---------- - -
//
// Where the body of a reply begins with a count, of bytes or of strings, the client makes room for it before it looks whether so much has
// come: so does the handshake with the password's length.
const (
	lengthBytes = 4
	headBytes   = 20
	countBytes  = 4
	// maxReplyBytes bounds what the server may send in one frame: the names of a million children, or so.
	maxReplyBytes = 64 << 20

	opGetData      = 4
	opGetChildren2 = 12
	opAddWatch     = 106
	opCloseSession = -11
	// watchXid is the xid of our addWatch; the client counts its own from 1.
	watchXid = -100
	// recursiveMode makes a watch persistent, and one of the whole tree below.
	recursiveMode = 1
)

// wire is one TCP (or TLS) connection to a server, as the client sees it.
type wire struct {
	net.Conn
	link *link
	in   *bufio.Reader
	// handshakeLimit bounds the wait for the server's first frame, where the client itself is too patient for a member that is frozen.
	handshakeLimit time.Duration

	writing    sync.Mutex
	counted    map[int32]int32 // xid → opcode, of requests under way whose answer begins with a count
	wrote      bool            // the handshake
	closeXid   atomic.Int32    // of the request that ends the session
	lastWrite  atomic.Int64    // on the link's clock
	shookHands atomic.Bool

	// The reader's own: how much of the present frame's head has come, and how much of the frame is still to come behind it.
	head [headBytes + countBytes]byte
	have int
	rest int
}

func newWire(conn net.Conn, l *link, handshakeLimit time.Duration) *wire {
	return &wire{
		Conn: conn, link: l, in: bufio.NewReaderSize(conn, 64<<10), handshakeLimit: handshakeLimit, counted: make(map[int32]int32),
	}
}

// SetReadDeadline shortens the client's deadline while the server has not answered the handshake.
func (w *wire) SetReadDeadline(t time.Time) error {
	if !w.shookHands.Load() {
		t = time.Now().Add(w.handshakeLimit)
	}
	return w.Conn.SetReadDeadline(t)
}

// Write sends whole frames: the client writes each with one call.
func (w *wire) Write(frame []byte) (int, error) {
	w.writing.Lock()
	defer w.writing.Unlock()
	if w.wrote && len(frame) >= 12 {
		switch xid, opcode := int32At(frame, 4), int32At(frame, 8); opcode {
		case opCloseSession:
			w.closeXid.Store(xid)
		case opGetData, opGetChildren2:
			w.counted[xid] = opcode
		}
	}
	w.wrote = true
	w.lastWrite.Store(w.link.now())
	return w.Conn.Write(frame)
}

// addWatch sets the persistent recursive watch of a path; its answer goes to link.watching.
func (w *wire) addWatch(path string) {
	frame := make([]byte, 0, 20+len(path))
	frame = binary.BigEndian.AppendUint32(frame, uint32(16+len(path)))
	xid, mode := int32(watchXid), uint32(recursiveMode)
	frame = binary.BigEndian.AppendUint32(frame, uint32(xid))
	frame = binary.BigEndian.AppendUint32(frame, opAddWatch)
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(path)))
	frame = append(frame, path...)
	frame = binary.BigEndian.AppendUint32(frame, mode)
	if _, err := w.Write(frame); err != nil {
		_ = w.Close()
	}
}

// Read passes on what comes, and looks at the head of each frame. A frame that the client could not bear ends the connection.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.in.Read(p)
	for seen := p[:n]; len(seen) > 0; {
		if w.rest > 0 {
			k := min(w.rest, len(seen))
			seen, w.rest = seen[k:], w.rest-k
			continue
		}
		want := lengthBytes
		if w.have >= lengthBytes {
			want = min(lengthBytes+int(binary.BigEndian.Uint32(w.head[:])), len(w.head))
		}
		k := copy(w.head[w.have:want], seen)
		seen, w.have = seen[k:], w.have+k
		var refused error
		switch {
		case w.have < want:
		case want == lengthBytes:
			refused = w.checkLength()
		default:
			refused = w.look(w.head[:want])
			w.rest, w.have = lengthBytes+int(binary.BigEndian.Uint32(w.head[:]))-want, 0
		}
		if refused != nil {
			return 0, refused
		}
	}
	return n, err
}

func (w *wire) checkLength() error {
	length := binary.BigEndian.Uint32(w.head[:])
	if length < headBytes-lengthBytes {
		return fmt.Errorf("a frame of %d bytes is none of ZooKeeper's", length)
	}
	if length > maxReplyBytes {
		w.link.oversized.Add(1)
		return fmt.Errorf("an answer of %d bytes; at most %d are taken", length, maxReplyBytes)
	}
	return nil
}

// look takes what is needed out of a frame's head.
func (w *wire) look(head []byte) error {
	w.link.hear(w.lastWrite.Load())
	if !w.shookHands.Load() {
		if err := checkCount(head, 1); err != nil {
			return err
		}
		w.shookHands.Store(true)
		w.link.negotiated(int32At(head, 8))
		return nil
	}
	xid, code := int32At(head, 4), int32At(head, 16)
	switch {
	case xid == watchXid:
		w.link.watching(w, code)
	case xid > 0 && xid == w.closeXid.Load():
		w.link.saidGoodbye()
	}
	w.writing.Lock()
	opcode := w.counted[xid]
	delete(w.counted, xid)
	w.writing.Unlock()
	switch {
	case code != 0 || opcode == 0:
		return nil
	case opcode == opGetChildren2:
		return checkCount(head, lengthBytes) // each string has at least its length
	}
	return checkCount(head, 1)
}

// checkCount refuses a body that announces more than the frame can hold. -1 stands for no bytes at all.
func checkCount(head []byte, eachBytes int) error {
	if len(head) < headBytes+countBytes {
		return fmt.Errorf("an answer of %d bytes has no body", len(head))
	}
	count, room := int64(binary.BigEndian.Uint32(head[headBytes:])), int64(binary.BigEndian.Uint32(head))-headBytes
	if eachBytes == 1 && int32(count) == -1 {
		return nil
	}
	if count*int64(eachBytes) > room {
		return fmt.Errorf("an answer announces %d elements in %d bytes", count, room)
	}
	return nil
}

func int32At(frame []byte, at int) int32 { return int32(binary.BigEndian.Uint32(frame[at:])) }
