package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
)

const root = "../.."

// source is one parsed Go file of the project.
type source struct {
	path  string // from the project's root
	pkg   string // directory under internal/, "" elsewhere
	test  bool
	lines int
	file  *ast.File
	set   *token.FileSet
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	for _, dir := range []string{"internal", "cmd", "test", "bench"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, path, nil, parser.ParseComments)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			pkg, _ := strings.CutPrefix(filepath.ToSlash(filepath.Dir(rel)), "internal/")
			all = append(all, source{
				path: rel, pkg: pkg, test: strings.HasSuffix(path, "_test.go"),
				lines: set.File(f.Pos()).LineCount(), file: f, set: set,
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// layers lists the rooms from the bottom up; a package imports packages of lower layers only. docs/ARCHITECTURE.md shows the same list.
var layers = [][]string{
	{"vfs", "netio", "coord"},
	{"vfs/memfs", "netio/simnet", "coord/plan", "coord/watches", "coord/coordtest"},
	{"coord/memcoord", "coord/etcdcoord", "coord/zkcoord"},
	{"record", "wire", "metrics", "groupmsg"},
	{"config"},
	{"segment", "peer", "metadata", "clusterstore", "producerid", "quota"},
	{"commitlog"},
	{"compact"},
	{"logdir"},
	{"partition"},
	{"replica"},
	{"coordinator", "group/assign"},
	{"group"},
	{"admin", "controller"},
	{"api"},
	{"server"},
	{"broker"},
	{"cli", "sim"},
	{"archtest"},
}

func layerOf(pkg string) int {
	return slices.IndexFunc(layers, func(l []string) bool { return slices.Contains(l, pkg) })
}

func TestLayers(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !strings.HasPrefix(s.path, "internal/") {
			continue
		}
		own := layerOf(s.pkg)
		if own < 0 {
			t.Errorf("%s: package %s stands in no layer; give it one in this test and in docs/ARCHITECTURE.md", s.path, s.pkg)
			continue
		}
		for _, i := range s.file.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			imported, ours := strings.CutPrefix(path, "milena/internal/")
			if !ours {
				continue
			}
			if at := layerOf(imported); at >= own {
				t.Errorf("%s imports %s, which does not lie below it", s.path, imported)
			}
		}
	}
}

// hot are the packages that a request passes: no third party but compressors (and kmsg, the codec, above the log).
var hot = []string{"vfs", "segment", "commitlog", "logdir", "partition", "record"}

func TestThirdPartyStaysOutOfTheHotSet(t *testing.T) {
	allowed := []string{"github.com/klauspost/compress", "github.com/pierrec/lz4", "golang.org/x/sys"}
	for _, s := range sources(t) {
		if s.test || !slices.Contains(hot, s.pkg) {
			continue
		}
		for _, i := range s.file.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			first, _, _ := strings.Cut(path, "/")
			if !strings.Contains(first, ".") || slices.ContainsFunc(allowed, func(a string) bool { return strings.HasPrefix(path, a) }) {
				continue
			}
			t.Errorf("%s imports %s: third-party code stays out of the hot set", s.path, path)
		}
	}
}

func TestDiskAndNetworkGoThroughTheSeams(t *testing.T) {
	banned := map[string]string{
		"os.Open": "vfs.FS", "os.OpenFile": "vfs.FS", "os.Create": "vfs.FS", "os.Rename": "vfs.FS", "os.Remove": "vfs.FS",
		"os.RemoveAll": "vfs.FS", "os.Mkdir": "vfs.FS", "os.MkdirAll": "vfs.FS", "os.ReadFile": "vfs.FS", "os.WriteFile": "vfs.FS",
		"os.ReadDir": "vfs.FS", "os.Stat": "vfs.FS", "net.Listen": "netio.Net", "net.Dial": "netio.Net",
	}
	outside := []string{"vfs", "netio", "cli", "coord/etcdcoord", "archtest"}
	for _, s := range sources(t) {
		if s.test || !strings.HasPrefix(s.path, "internal/") || slices.Contains(outside, s.pkg) {
			continue
		}
		eachCall(s, func(name string, at token.Position) {
			if instead := banned[name]; instead != "" {
				t.Errorf("%s:%d calls %s; use %s", s.path, at.Line, name, instead)
			}
		})
	}
}

func TestNoSleepInTests(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		virtual := importsPath(s, "testing/synctest") || s.pkg == "sim" // all of it runs in one bubble
		eachCall(s, func(name string, at token.Position) {
			if name == "time.Sleep" && !virtual {
				t.Errorf("%s:%d sleeps; use testing/synctest or wait on a condition", s.path, at.Line)
			}
		})
	}
}

func TestNoInitAndNoVagueNames(t *testing.T) {
	vague := []string{"util", "utils", "common", "helper", "helpers", "manager", "misc"}
	for _, s := range sources(t) {
		if !strings.HasPrefix(s.path, "internal/") {
			continue
		}
		if slices.Contains(vague, s.file.Name.Name) {
			t.Errorf("%s: a package is a noun that a Kafka user knows, not %q", s.path, s.file.Name.Name)
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has an init function; join parts in broker or cli instead", s.path)
			}
		}
	}
}

func TestEveryPackageIsDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		dir := filepath.Dir(s.path)
		documented[dir] = documented[dir] || s.file.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment", dir)
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	var sizes []int
	for _, s := range sources(t) {
		limit := 700
		if s.test {
			limit = 1200
		} else if strings.HasPrefix(s.path, "internal/") {
			sizes = append(sizes, s.lines)
		}
		if s.lines > limit {
			t.Errorf("%s has %d lines, more than %d: split it by subject", s.path, s.lines, limit)
		}
	}
	sort.Ints(sizes)
	if median := sizes[len(sizes)/2]; median > 150 {
		t.Errorf("the median file has %d lines, more than 150", median)
	}
	if p90 := sizes[len(sizes)*9/10]; p90 > 400 {
		t.Errorf("one file in ten has over %d lines, more than 400", p90)
	}
}

func TestFunctionsAreShort(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			from, to := s.set.Position(f.Pos()).Line, s.set.Position(f.End()).Line
			if n := to - from + 1; n > 70 {
				t.Errorf("%s:%d %s has %d lines, more than 70", s.path, from, f.Name.Name, n)
			}
		}
	}
}

func eachCall(s source, visit func(name string, at token.Position)) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Obj == nil {
				visit(fmt.Sprintf("%s.%s", x.Name, sel.Sel.Name), s.set.Position(call.Pos()))
			}
		}
		return true
	})
}

func importsPath(s source, path string) bool {
	return slices.ContainsFunc(s.file.Imports, func(i *ast.ImportSpec) bool { return strings.Trim(i.Path.Value, `"`) == path })
}
