package harness

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"testing"

	"milena/test/milena"
)

func TestKafkaHome(t *testing.T) {
	dir := t.TempDir()
	binary, err := milena.Build("../..", dir)
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, "kafka")
	if out, err := exec.Command(binary, "links", home).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	script := exec.CommandContext(t.Context(), "./harness.sh", home, fmt.Sprint(freePort(t)))
	if out, err := script.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// freePort finds two ports in a row that nobody listens on, below those that the system gives to clients.
func freePort(t *testing.T) int {
	for port := 29700; port < 29900; port += 2 {
		if isFree(port) && isFree(port+1) {
			return port
		}
	}
	t.Fatal("no free ports between 29700 and 29900")
	return 0
}

func isFree(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		_ = l.Close()
	}
	return err == nil
}
