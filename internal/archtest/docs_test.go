package archtest

import (
	"go/ast"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// documents gives each Markdown file of the project's own, by path from the root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	read := func(path string) {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		texts[rel] = string(raw)
	}
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} {
		read(filepath.Join(root, name))
	}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			read(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// TestDocumentShowsTheLayers holds the list in docs/ARCHITECTURE.md to the one that TestLayers enforces.
func TestDocumentShowsTheLayers(t *testing.T) {
	var want strings.Builder
	for _, layer := range layers[:len(layers)-1] { // but archtest itself
		want.WriteString(strings.Join(layer, " · ") + "\n")
	}
	_, rest, found := strings.Cut(documents(t)["docs/ARCHITECTURE.md"], "<!-- layers, bottom to top -->\n```\n")
	if got, _, _ := strings.Cut(rest, "```"); !found || got != want.String() {
		t.Errorf("docs/ARCHITECTURE.md shows other layers than this test; they are\n%s", want.String())
	}
}

var link = regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)

func TestLinksOfDocumentsLeadSomewhere(t *testing.T) {
	for path, text := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", path, m[1])
			}
		}
	}
}

var (
	codeSpan = regexp.MustCompile("`([^`\n]+)`")
	// `room/file.go` and `room/file.go: Function` or `room/file.go: Type.Method`
	inFile = regexp.MustCompile(`^([a-z/]+/[0-9a-z_]+\.go)(?:: ([A-Za-z]\w*(?:\.\w+)?))?$`)
	// `room.Name` and `room.Type.Method`, exported
	inRoom = regexp.MustCompile(`^([a-z]+)\.([A-Z]\w*(?:\.\w+)?)$`)
)

// TestDocumentsNameWhatIsThere: a file or a function that a document names in code exists.
func TestDocumentsNameWhatIsThere(t *testing.T) {
	files, rooms, declared := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		path := filepath.ToSlash(s.path)
		short := strings.TrimPrefix(path, "internal/")
		files[path], files[short] = true, true
		room := filepath.Base(s.pkg)
		rooms[room] = true
		for _, name := range declarations(s.file) {
			declared[room+"."+name], declared[path+": "+name], declared[short+": "+name] = true, true, true
		}
	}
	for path, text := range documents(t) {
		for _, span := range codeSpan.FindAllStringSubmatch(text, -1) {
			if m := inFile.FindStringSubmatch(span[1]); m != nil {
				if !files[m[1]] || m[2] != "" && !declared[span[1]] {
					t.Errorf("%s names `%s`, which is not there", path, span[1])
				}
			} else if m := inRoom.FindStringSubmatch(span[1]); m != nil && rooms[m[1]] && !declared[span[1]] {
				t.Errorf("%s names `%s`, which is not there", path, span[1])
			}
		}
	}
}

// declarations lists what a file declares: functions, types, values, "Type.Method" and "Type.Field".
func declarations(f *ast.File) (names []string) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				names = append(names, d.Name.Name)
				continue
			}
			ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					names = append(names, id.Name+"."+d.Name.Name)
				}
				return true
			})
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					for _, id := range spec.Names {
						names = append(names, id.Name)
					}
				case *ast.TypeSpec:
					names = append(names, spec.Name.Name)
					names = append(names, members(spec)...)
				}
			}
		}
	}
	return names
}

// members lists a type's fields, or the methods of an interface.
func members(spec *ast.TypeSpec) (names []string) {
	var list *ast.FieldList
	switch t := spec.Type.(type) {
	case *ast.StructType:
		list = t.Fields
	case *ast.InterfaceType:
		list = t.Methods
	default:
		return nil
	}
	for _, field := range list.List {
		for _, id := range field.Names {
			names = append(names, spec.Name.Name+"."+id.Name)
		}
	}
	return names
}
