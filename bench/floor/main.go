// Command floor is the least that a broker could do, to compare with: it reads a request from the socket, checks a CRC-32C over it, writes it to
// one of six files and answers; asked to read, it sends the next piece of each file with sendfile, as a fetch of six partitions brings them.
// Usage: floor ADDRESS DIR.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"

	"milena/internal/netio"
)

const (
	partitions = 6
	pieceBytes = 1 << 20 // of each file, as max.partition.fetch.bytes
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: floor ADDRESS DIR")
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "floor:", run(os.Args[1], os.Args[2]))
	os.Exit(1)
}

// partition is a file that all connections write to.
type partition struct {
	file *os.File
	end  atomic.Int64
}

type floor [partitions]partition

// run serves until it fails.
func run(address, dir string) error {
	f := &floor{}
	for i := range f {
		var err error
		if f[i].file, err = os.Create(filepath.Join(dir, fmt.Sprintf("floor-%d.log", i))); err != nil {
			return err
		}
	}
	listener, err := netio.TCP{}.Listen(context.Background(), address)
	if err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			f.serve(conn.(*net.TCPConn)) //nolint:errcheck // the client is gone
		}()
	}
}

func (f *floor) serve(conn *net.TCPConn) error {
	table := crc32.MakeTable(crc32.Castagnoli)
	reply := make([]byte, 64)
	binary.BigEndian.PutUint32(reply, 60)
	buffer := make([]byte, 4)
	var r *reader
	for next := 0; ; {
		if _, err := io.ReadFull(conn, buffer[:4]); err != nil {
			return err
		}
		n := int(binary.BigEndian.Uint32(buffer))
		if cap(buffer) < n {
			buffer = make([]byte, n)
		}
		body := buffer[:n]
		if _, err := io.ReadFull(conn, body); err != nil {
			return err
		}
		if string(body) == "read" {
			if r == nil {
				var err error
				if r, err = f.newReader(); err != nil {
					return err
				}
				defer r.close()
			}
			if err := r.send(conn); err != nil {
				return err
			}
			continue
		}
		binary.BigEndian.PutUint32(reply[4:], crc32.Checksum(body, table))
		p := &f[next%partitions]
		next++
		if _, err := p.file.WriteAt(body, p.end.Add(int64(n))-int64(n)); err != nil {
			return err
		}
		if _, err := conn.Write(reply); err != nil {
			return err
		}
	}
}

// reader goes through the files, again and again.
type reader struct {
	of    *floor
	files [partitions]*os.File
	at    [partitions]int64
}

func (f *floor) newReader() (*reader, error) {
	r := &reader{of: f}
	for i := range r.files {
		var err error
		if r.files[i], err = os.Open(f[i].file.Name()); err != nil {
			r.close()
			return nil, err
		}
	}
	return r, nil
}

func (r *reader) close() {
	for _, file := range r.files {
		if file != nil {
			_ = file.Close()
		}
	}
}

var errEmpty = errors.New("there is nothing to read")

// send answers with the next piece of each file.
func (r *reader) send(conn *net.TCPConn) error {
	sizes, total := r.pieces()
	if total == 0 { // the end: from the start
		for i, file := range r.files {
			if _, err := file.Seek(0, io.SeekStart); err != nil {
				return err
			}
			r.at[i] = 0
		}
		if sizes, total = r.pieces(); total == 0 {
			return errEmpty
		}
	}
	var size [4]byte
	binary.BigEndian.PutUint32(size[:], uint32(total))
	if _, err := conn.Write(size[:]); err != nil {
		return err
	}
	for i, n := range sizes {
		if _, err := conn.ReadFrom(&io.LimitedReader{R: r.files[i], N: n}); err != nil {
			return err
		}
		r.at[i] += n
	}
	return nil
}

func (r *reader) pieces() (sizes [partitions]int64, total int64) {
	for i := range sizes {
		sizes[i] = min(r.of[i].end.Load()-r.at[i], pieceBytes)
		total += sizes[i]
	}
	return sizes, total
}
