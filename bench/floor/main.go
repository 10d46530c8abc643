// Command floor is the least that a broker could do, to compare with: it reads a request from the socket, checks a CRC-32C over it, writes it to
// a file and answers; asked to read, it sends a piece of a file with sendfile. Usage: floor ADDRESS DIR.
package main

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"path/filepath"
)

const readBytes = 6 << 20 // what a fetch of six partitions brings at most

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: floor ADDRESS DIR")
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "floor:", run(os.Args[1], os.Args[2]))
	os.Exit(1)
}

// run serves until it fails.
func run(address, dir string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		file, err := os.Create(filepath.Join(dir, fmt.Sprintf("floor-%d.log", n)))
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			defer file.Close()
			serve(conn.(*net.TCPConn), file) //nolint:errcheck // the client is gone
		}()
	}
}

func serve(conn *net.TCPConn, file *os.File) error {
	table := crc32.MakeTable(crc32.Castagnoli)
	reply := make([]byte, 64)
	binary.BigEndian.PutUint32(reply, 60)
	buffer := make([]byte, 4)
	var end int64
	for {
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
			if err := send(conn, file); err != nil {
				return err
			}
			continue
		}
		binary.BigEndian.PutUint32(reply[4:], crc32.Checksum(body, table))
		if _, err := file.WriteAt(body, end); err != nil {
			return err
		}
		end += int64(n)
		if _, err := conn.Write(reply); err != nil {
			return err
		}
	}
}

func send(conn *net.TCPConn, file *os.File) error {
	if info, err := file.Stat(); err != nil {
		return err
	} else if info.Size() < readBytes {
		if err := file.Truncate(readBytes); err != nil {
			return err
		}
		if _, err := file.WriteAt(make([]byte, readBytes), 0); err != nil {
			return err
		}
	}
	var size [4]byte
	binary.BigEndian.PutUint32(size[:], readBytes)
	if _, err := conn.Write(size[:]); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := conn.ReadFrom(io.LimitReader(file, readBytes))
	return err
}
