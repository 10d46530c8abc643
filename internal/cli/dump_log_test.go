package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// runDump runs dump-log as a process would and gives what it printed and its exit code.
func runDump(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env := &Env{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr}
	code := RunArgs(context.Background(), env, append([]string{"kafka-dump-log.sh"}, args...))
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	shown := func(b *bytes.Buffer) string { return strings.ReplaceAll(b.String(), dir, "$DIR") }
	out := shown(&stdout)
	if out != "" && !strings.HasSuffix(out, "\n") {
		out += "<no newline>\n"
	}
	if stderr.Len() > 0 {
		out += "stderr:\n" + shown(&stderr)
	}
	return out + fmt.Sprintf("exit %d\n", code)
}

// TestDumpLogAsKafka compares the tool's output with that of Kafka 4.3.1's over files that Kafka wrote, whole and broken.
func TestDumpLogAsKafka(t *testing.T) {
	runDumps(t, "testdata/dump_log/kafka_4.3.1.txt")
}

// TestDumpLogOwn shows where the tool differs.
func TestDumpLogOwn(t *testing.T) { runDumps(t, "testdata/dump_log/own.txt") }

func runDumps(t *testing.T, script string) {
	datadriven.RunTest(t, script, func(t *testing.T, d *datadriven.TestData) string {
		return runDump(t, strings.Fields(argsOf(d))...)
	})
}

// FuzzDumpLog shows files of any content, by any of their suffixes: the tool ends, and does not panic.
func FuzzDumpLog(f *testing.F) {
	suffixes := []string{".log", ".index", ".timeindex", ".txnindex", ".snapshot"}
	for i, suffix := range suffixes {
		for _, dir := range []string{"txn", "many", "compact", "corrupt", "broken", "null"} {
			files, err := filepath.Glob("testdata/dump_log/" + dir + "/*" + suffix)
			if err != nil {
				f.Fatal(err)
			}
			for _, file := range files {
				b, err := os.ReadFile(file)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(b, i)
			}
		}
	}
	log, err := os.ReadFile("testdata/dump_log/many/00000000000000000000.log")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte, kind int) {
		dir := t.TempDir()
		write := func(name string, b []byte) string {
			name = filepath.Join(dir, name)
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
			return name
		}
		write("00000000000000000000.log", log)
		name := write("00000000000000000000"+suffixes[uint(kind)%uint(len(suffixes))], b)
		runDump(t, "--files", name, "--print-data-log", "--max-message-size", "100000")
	})
}

// argsOf gives the arguments as they stand on the directive's line.
func argsOf(d *datadriven.TestData) string {
	var args []string
	for _, a := range d.CmdArgs {
		args = append(args, a.String())
	}
	return strings.Join(args, " ")
}
