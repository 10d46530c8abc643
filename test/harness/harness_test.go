package harness

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"milena/test/kafka"
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
	args := []string{home}
	for range 2 {
		port, err := kafka.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, fmt.Sprint(port))
	}
	script := exec.CommandContext(t.Context(), "./harness.sh", args...)
	if out, err := script.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
