package cli

import (
	"os"
	"strings"
	"testing"
)

// TestDocsNameEveryTool holds docs/supported.md to the tools there are, and to the scripts that only explain why they are not.
func TestDocsNameEveryTool(t *testing.T) {
	raw, err := os.ReadFile("../../docs/supported.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for _, tool := range Tools() {
		if !tool.Hidden && !strings.Contains(text, "\n| `"+tool.Name+"` |") {
			t.Errorf("docs/supported.md has no row for the tool %s", tool.Name)
		}
	}
	for _, script := range absentScripts() {
		if !strings.Contains(text, "`"+script+"`") {
			t.Errorf("docs/supported.md does not tell that %s is absent", script)
		}
	}
}
