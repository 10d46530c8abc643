package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"milena/internal/config"
)

// TestQuickstartConfigures: every number of brokers gets files that a broker takes, an odd number of voters, and copies that fit.
func TestQuickstartConfigures(t *testing.T) {
	for brokers, voters := range map[int]int{1: 1, 2: 1, 3: 3, 4: 3, 5: 5, 9: 5} {
		trial := &trial{dir: t.TempDir(), brokers: brokers, port: 9092}
		if trial.voters() != voters {
			t.Errorf("%d brokers have %d voters", brokers, trial.voters())
		}
		for id := 1; id <= brokers; id++ {
			if err := trial.configure(id); err != nil {
				t.Fatal(err)
			}
			cfg, warnings, err := config.Load(filepath.Join(trial.home(id), "server.properties"), nil)
			if err != nil || len(warnings) > 0 {
				t.Fatalf("broker %d of %d: %v, %q", id, brokers, err, warnings)
			}
			if len(cfg.Voters) != voters || cfg.ControllerRole != (id <= voters) || int(cfg.DefaultReplication) != min(3, brokers) {
				t.Errorf("broker %d of %d: %d voters, controller %v, %d copies", id, brokers, len(cfg.Voters), cfg.ControllerRole, cfg.DefaultReplication)
			}
		}
	}
}

// TestQuickstartKeepsFiles: what the user has changed stays.
func TestQuickstartKeepsFiles(t *testing.T) {
	trial := &trial{dir: t.TempDir(), brokers: 3, port: 9092}
	if err := trial.configure(2); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(trial.home(2), "server.properties")
	if err := os.WriteFile(file, []byte("node.id=7\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := trial.configure(2); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "node.id=7\n" {
		t.Errorf("the file is %q, %v", data, err)
	}
}

func TestQuickstartRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"":                     "Name one directory",
		"a b":                  "Name one directory",
		"--brokers 0 dir":      "1 to 9",
		"--brokers 10 dir":     "1 to 9",
		"--port 65530 dir":     "from 1 to",
		"--brokers three dir":  "three",
		"--nonsense dir extra": "nonsense",
	} {
		env := &Env{Tool: find(Tools(), "quickstart")}
		err := (&trial{env: env, brokers: 3, port: 9092}).parse(strings.Fields(args))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
