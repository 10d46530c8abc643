package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"milena/internal/config"
)

const clusterID = "MkU3OEVBNTcwNTJENDM2Qg"

// storageHome writes two configurations that Kafka 4.3.1 was asked to format: v.properties with voters and directories a and b,
// d.properties with bootstrap servers and directory c, k.properties of a controller that is no broker with directory d.
func storageHome(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	base := "process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=CONTROLLER\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
	for name, text := range map[string]string{
		"v.properties": base + "controller.quorum.voters=1@localhost:9093\nlog.dirs=a,b\n",
		"d.properties": base + "controller.quorum.bootstrap.servers=localhost:9093\nlog.dirs=c\n",
		"k.properties": "process.roles=controller\nnode.id=1\ncontroller.listener.names=CONTROLLER\nlisteners=CONTROLLER://:9093\n" +
			"controller.quorum.voters=1@localhost:9093\nlog.dirs=d\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStorageAsKafka runs command lines in order; the texts and codes are those of Kafka 4.3.1.
func TestStorageAsKafka(t *testing.T) {
	storageHome(t)
	for _, c := range []struct {
		args string
		code int
		out  string
		err  string
	}{
		{"info -c v.properties", 1, "Found problems:\n  a does not exist\n  b does not exist\n\n", ""},
		{"format -t ID -s -c v.properties", 1, "", "You cannot specify controller.quorum.voters and format the node with --initial-controllers or " +
			"--standalone. If you want to use dynamic quorum, please remove controller.quorum.voters and specify controller.quorum.bootstrap.servers instead.\n"},
		{"format -t ID -c v.properties", 0, "Formatting data directory b with metadata.version 4.3-IV0.\n" +
			"Formatting metadata directory a with metadata.version 4.3-IV0.\n", ""},
		{"format -t ID -c k.properties", 0, "Formatting metadata directory d with metadata.version 4.3-IV0.\n", ""},
		{"info -c v.properties", 0, "Found log directories:\n  a\n  b\n\nFound metadata: {cluster.id=ID, directory.id=UUID, node.id=1, version=1}\n\n", ""},
		{"format -t ID -c v.properties", 1, "", "Log directory a is already formatted. Use --ignore-formatted to ignore this directory and format the others.\n"},
		{"format -t ID -g -c v.properties", 0, "All of the log directories are already formatted.\n", ""},
		{"format -t other -g -c v.properties", 1, "", "Invalid cluster.id in: a/meta.properties. Expected other, but read ID\n"},
		{"format -t ID -c d.properties", 1, "", "Because controller.quorum.voters is not set on this controller, you must specify one of the following: " +
			"--standalone, --initial-controllers, or --no-initial-controllers.\n"},
		{"format -t ID -c d.properties --release-version 9.9 -s", 1, "", "Unknown metadata.version '9.9'. Supported metadata.version are: " +
			strings.ReplaceAll(metadataVersions, " ", ", ") + "\n"},
		{"format -t ID -c d.properties -f foo -s", 1, "", "Can't parse feature=level string foo: equals sign not found.\n"},
		{"format -t ID -c d.properties -f foo=1 -s", 1, "", "Unsupported feature: foo. Supported features are: eligible.leader.replicas.version, " +
			"group.version, kraft.version, share.version, streams.version, transaction.version\n"},
		{"format -t ID -c d.properties -f metadata.version=20 -r 4.0 -s", 1, "", "Use --release-version instead of --feature metadata.version=X to avoid ambiguity.\n"},
		{"format -t ID -c d.properties -I foo", 1, "", "No @ found in dynamic voter string.\n"},
		{"format -t ID --feature kraft.version=1 --release-version 4.0 --standalone -c d.properties", 0,
			"Formatting dynamic metadata voter directory c with metadata.version 4.0-IV3.\n", ""},
		{"format -t ID", 1, "", storageSynopsis("format") + "kafka-storage: error: argument --config/-c is required\n"},
		{"format -c v.properties", 1, "", storageSynopsis("format") + "kafka-storage: error: argument --cluster-id/-t is required\n"},
		{"format -t ID -c", 1, "", storageSynopsis("format") + "kafka-storage: error: argument --config/-c: expected one argument\n"},
		{"format -x -t ID -c d.properties", 1, "", storageSynopsis("format") + "kafka-storage: error: unrecognized arguments: '-x'\n"},
		{"format -s -N -t ID -c d.properties", 1, "", storageSynopsis("format") +
			"kafka-storage: error: argument --no-initial-controllers/-N: not allowed with argument --standalone/-s\n"},
		{"random-uuid x", 1, "", "usage: kafka-storage random-uuid [-h]\nkafka-storage: error: unrecognized arguments: 'x'\n"},
	} {
		args := strings.Fields(strings.ReplaceAll(c.args, "ID", clusterID))
		code, out, stderr := runTool(t.Context(), append([]string{"bin/kafka-storage.sh"}, args...)...)
		out = regexp.MustCompile(`directory\.id=[^,]{22}`).ReplaceAllString(out, "directory.id=UUID")
		out, stderr = strings.ReplaceAll(out, clusterID, "ID"), strings.ReplaceAll(stderr, clusterID, "ID")
		if code != c.code || out != c.out || stderr != c.err {
			t.Errorf("%s\ncode %d, want %d\nout %q\nwant %q\nerr %q\nwant %q", c.args, code, c.code, out, c.out, stderr, c.err)
		}
	}
}

func TestStorageNodeIDDiffers(t *testing.T) {
	storageHome(t)
	if err := writeMeta("a", clusterID, 2); err != nil {
		t.Fatal(err)
	}
	if err := writeMeta("b", clusterID, 1); err != nil {
		t.Fatal(err)
	}
	code, out, _ := runTool(t.Context(), "kafka-storage.sh", "info", "-c", "v.properties")
	if code != 1 || !strings.Contains(out, "Found problem:\n  Mismatched node IDs between storage directories.\n") {
		t.Error(code, out)
	}
	code, _, stderr := runTool(t.Context(), "kafka-storage.sh", "format", "-g", "-t", clusterID, "-c", "v.properties")
	if code != 1 || !strings.HasPrefix(stderr, "Stored node id 2 doesn't match previous node id 1 in a/meta.properties.") {
		t.Error(code, stderr)
	}
}

func TestStorageRefusesWhatIsNotThere(t *testing.T) {
	storageHome(t)
	for args, want := range map[string]string{
		"version-mapping": "this release does not have version-mapping",
		"format -s -t x -S SCRAM-SHA-256=[name=a,password=b] -c d.properties":        "this release has no SASL/SCRAM",
		"format -t x -I 1@a:1:AAAAAAAAAAAAAAAAAAAAAA,2@b:1:BBBBBBBB -c d.properties": "name them in controller.quorum.voters",
		"format -t x -s -c nosuch": "nosuch",
		"frob":                     "invalid choice: 'frob'",
	} {
		code, _, stderr := runTool(t.Context(), append([]string{"milena", "storage"}, strings.Fields(args)...)...)
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%s: %d %s", args, code, stderr)
		}
	}
}

func TestMetaIsRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := writeMeta(dir, "a=b:c", 7); err != nil {
		t.Fatal(err)
	}
	meta, problem := readMeta(dir)
	if problem != "" || meta["cluster.id"] != "a=b:c" || meta["node.id"] != "7" || meta["version"] != "1" || len(meta["directory.id"]) != 22 {
		t.Error(meta, problem)
	}
}

func TestRandomUUID(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := randomUUID()
		if seen[id] || len(id) != 22 || id[0] == '-' {
			t.Fatal(id)
		}
		seen[id] = true
	}
}

func TestSamplesLoad(t *testing.T) {
	dir := t.TempDir()
	for name, text := range samples() {
		if !strings.Contains(name, "server") && !strings.Contains(name, "broker") {
			continue
		}
		file := filepath.Join(dir, strings.ReplaceAll(name, "/", "-"))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, warnings, err := config.Load(file, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, w := range warnings {
			if !strings.HasPrefix(w, "process.roles=broker:") {
				t.Errorf("%s: %s", name, w)
			}
		}
		if cfg.LogDirs[0] == "DATA" {
			t.Error(name)
		}
	}
}
