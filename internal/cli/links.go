package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

const linksExamples = `
milena links /opt/kafka
milena links ~/kafka && ~/kafka/bin/kafka-server-start.sh -daemon ~/kafka/config/server.properties`

// runLinks makes a Kafka home out of links to this binary: bin/kafka-*.sh, config/ with samples, libs/ (empty).
func runLinks(_ context.Context, env *Env, args []string) error {
	if len(args) != 1 || strings.HasPrefix(args[0], "-") {
		env.errorf("Usage: milena links DIR\n\nMakes DIR/bin/kafka-topics.sh and its kin, linked to this binary, and samples of configuration in DIR/config.\n")
		if len(args) == 1 && (args[0] == "-h" || args[0] == "--help" || args[0] == "-help") {
			return Exit(0)
		}
		return Exit(1)
	}
	home := args[0]
	binary, err := os.Executable()
	if err == nil {
		binary, err = filepath.EvalSymlinks(binary)
	}
	if err != nil {
		return err
	}
	for _, dir := range []string{"bin", "config/kraft", "libs"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o755); err != nil {
			return err
		}
	}
	if strings.Contains(binary, "/go-build") {
		// `go run` removes its binary when it ends.
		own := filepath.Join(home, "bin", "milena")
		if err := copyBinary(binary, own); err != nil {
			return err
		}
		if binary, err = filepath.Abs(own); err != nil {
			return err
		}
	} else if err := link(binary, filepath.Join(home, "bin", "milena")); err != nil {
		return err
	}
	scripts := scriptNames(Tools())
	for _, name := range scripts {
		if err := link(binary, filepath.Join(home, "bin", name+".sh")); err != nil {
			return err
		}
	}
	if err := writeSamples(filepath.Join(home, "config")); err != nil {
		return err
	}
	env.printf("%s: %d scripts in bin, linked to %s; samples in config.\n", home, len(scripts), binary)
	env.printf("Try: %s %s\n", filepath.Join(home, "bin", "kafka-server-start.sh"), filepath.Join(home, "config", "server.properties"))
	return nil
}

// scriptNames are the names of Kafka's scripts that have a tool here, or an answer, sorted.
func scriptNames(tools []Tool) []string {
	seen := map[string]bool{}
	for i := range tools {
		for _, s := range tools[i].Scripts {
			seen[s] = true
		}
	}
	for _, s := range absentScripts() {
		seen[s] = true
	}
	names := make([]string, 0, len(seen))
	for s := range seen {
		names = append(names, s)
	}
	sort.Strings(names)
	return names
}

// link makes name a link to target, in the place of a link that is there. A file that is there stays: it may be Kafka's own.
func link(target, name string) error {
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink == 0:
		return fmt.Errorf("%s is there and is no link: give a directory that is no home of Kafka's", name)
	default:
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return os.Symlink(target, name)
}

// copyBinary copies by way of a second name, so that a running binary is not written into.
func copyBinary(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to+".tmp", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(to+".tmp", to)
}
