package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestLinks(t *testing.T) {
	home := filepath.Join(t.TempDir(), "kafka")
	for range 2 { // the second time over its own links
		if code, _, stderr := runTool(t.Context(), "milena", "links", home); code != 0 {
			t.Fatal(stderr)
		}
	}
	for _, name := range []string{"bin/kafka-topics.sh", "bin/kafka-server-start.sh", "bin/kafka-acls.sh", "bin/zookeeper-server-start.sh",
		"bin/kafka-run-class.sh", "bin/milena", "config/server.properties", "config/kraft/server.properties"} {
		if _, err := os.Stat(filepath.Join(home, name)); err != nil {
			t.Error(err)
		}
	}
	kept := filepath.Join(home, "config", "server.properties")
	if err := os.WriteFile(kept, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := runTool(t.Context(), "milena", "links", home); code != 0 {
		t.Fatal(code)
	}
	if text, _ := os.ReadFile(kept); string(text) != "mine" {
		t.Error("a configuration was overwritten")
	}
	script := filepath.Join(home, "bin", "kafka-topics.sh")
	if err := os.Remove(script); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, []byte("#!/bin/sh"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := runTool(t.Context(), "milena", "links", home); code != 1 || !strings.Contains(stderr, "is no link") {
		t.Error(code, stderr)
	}
}

func TestEveryScriptAnswers(t *testing.T) {
	tools := Tools()
	for _, name := range scriptNames(tools) {
		if byScript(tools, name+".sh") == nil {
			t.Error(name)
		}
	}
	for _, class := range absentClasses() {
		if byClass(tools, class) == nil {
			t.Error(class)
		}
	}
	for args, want := range map[string]string{
		"kafka-delegation-tokens.sh":                     "kafka-delegation-tokens: this release of Milena does not have this tool.",
		"bin/zookeeper-server-start.sh -daemon x":        "needs no ZooKeeper",
		"kafka-run-class.sh kafka.tools.JmxTool --jmx x": "does not have this tool",
	} {
		if code, _, stderr := runTool(t.Context(), strings.Fields(args)...); code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%s: %d %s", args, code, stderr)
		}
	}
}

func TestCompletion(t *testing.T) {
	code, script, _ := runTool(t.Context(), "milena", "completion", "bash")
	if code != 0 || !strings.Contains(script, "--bootstrap-server") || !strings.Contains(script, "kafka-topics.sh") {
		t.Fatal(code, script)
	}
	if bash, err := exec.LookPath("bash"); err == nil {
		ask := script + "\nCOMP_WORDS=(milena topics --boot); COMP_CWORD=2; _milena; echo \"${COMPREPLY[@]}\"\n" +
			"COMP_WORDS=(milena stor); COMP_CWORD=1; _milena; echo \"${COMPREPLY[@]}\"\n" +
			"COMP_WORDS=(/opt/bin/kafka-topics.sh --creat); COMP_CWORD=1; _milena; echo \"${COMPREPLY[@]}\"\n"
		cmd := exec.Command(bash, "--norc")
		cmd.Stdin = strings.NewReader(ask)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil || out.String() != "--bootstrap-server\nstorage\n--create\n" {
			t.Error(err, out.String())
		}
	}
	for _, shell := range []string{"zsh", "fish"} {
		if code, script, _ := runTool(t.Context(), "milena", "completion", shell); code != 0 || !strings.Contains(script, "topics") {
			t.Error(shell, code)
		}
	}
	if code, _, _ := runTool(t.Context(), "milena", "completion", "tcsh"); code != 1 {
		t.Error(code)
	}
}
