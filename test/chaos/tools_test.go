//go:build chaos

package chaos

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// command is one of the binary's tools, in the hub.
func (c *cluster) command(name string, args ...string) *exec.Cmd {
	line := append(c.net.on(0), append([]string{milenaBinary, name, "--bootstrap-server", strings.Join(c.addresses(), ",")}, args...)...)
	return exec.Command(line[0], line[1:]...)
}

// tool runs one, and gives what it prints.
func (c *cluster) tool(name string, args ...string) string {
	c.t.Helper()
	var errs bytes.Buffer
	cmd := c.command(name, args...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		c.t.Fatalf("%s %v: %v\n%s%s", name, args, err, out, errs.String())
	}
	return string(out)
}

// onTerminal runs one whose standard error is a terminal, and gives what that shows too.
func (c *cluster) onTerminal(name string, args ...string) (out, shown string) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return "", err.Error()
	}
	defer terminal.Close()
	number, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(terminal.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		return "", err.Error()
	}
	line, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return "", err.Error()
	}
	cmd := c.command(name, args...)
	cmd.Stderr = line
	seen := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(terminal) // it ends with an error when nobody has the line any more
		seen <- all
	}()
	printed, err := cmd.Output()
	_ = line.Close()
	if err != nil {
		return fmt.Sprintf("%s%v", printed, err), string(<-seen)
	}
	return string(printed), string(<-seen)
}
