//go:build !linux

package server

import (
	"net"

	"milena/internal/vfs"
)

// rawSocket is Linux's alone; elsewhere replies are written by net and files are read.
type rawSocket struct{}

func (*rawSocket) init()                                  {}
func (*rawSocket) attach(net.Conn)                        {}
func (*rawSocket) detach()                                {}
func (*rawSocket) usable() bool                           { return false }
func (*rawSocket) write(*conn, []byte, bool) error        { return nil }
func (*rawSocket) sendFile(*conn, vfs.Range) (int, error) { return 0, nil }
func newReader(c *conn) frameReader                       { return newPlainReader(c) }
