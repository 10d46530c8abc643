package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
)

// detach starts the same broker in a session of its own, with its output in LOG_DIR/kafkaServer.out, and returns: what Kafka's
// scripts do with nohup.
func (s *server) detach(env *Env) error {
	binary, err := os.Executable()
	if err != nil {
		return Exitf(1, "%s: %v", env.Program, err)
	}
	dir := logDir(env)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Exitf(1, "%s: the log directory (LOG_DIR): %v", env.Program, err)
	}
	out, err := os.Create(filepath.Join(dir, "kafkaServer.out"))
	if err != nil {
		return Exitf(1, "%s: %v", env.Program, err)
	}
	defer out.Close()
	child := exec.Command(binary)
	child.Args = s.detachedArgs(env.Argv0)
	child.Stdout, child.Stderr = out, out
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		return Exitf(1, "%s: %v", env.Program, err)
	}
	return child.Process.Release()
}

// detachedArgs is the command line without -daemon. A broker started by a script of Kafka's keeps that script's absolute name, by which
// kafka-server-stop.sh of the same home finds it.
func (s *server) detachedArgs(argv0 string) []string {
	args := []string{argv0, "server"}
	if s.script {
		home, err := filepath.Abs(filepath.Dir(argv0))
		if err != nil {
			home = filepath.Dir(argv0)
		}
		args = []string{filepath.Join(home, "kafka-server-start.sh")}
	}
	if s.file != "" {
		args = append(args, s.file)
	}
	for _, o := range s.overrides {
		args = append(args, "--override", o)
	}
	return slices.Clip(args)
}
