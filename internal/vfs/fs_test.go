package vfs_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"milena/internal/vfs"
	"milena/internal/vfs/memfs"
)

// each runs a test over every file system, in an empty directory of its own.
func each(t *testing.T, test func(t *testing.T, fsys vfs.FS, dir string)) {
	t.Run("os", func(t *testing.T) { test(t, vfs.OS{}, t.TempDir()) })
	t.Run("memfs", func(t *testing.T) {
		m := memfs.New()
		must(t, m.MkdirAll("/tmp/x"))
		test(t, m, "/tmp/x")
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func write(t *testing.T, fsys vfs.FS, name, data string) {
	t.Helper()
	f, err := fsys.Create(name)
	must(t, err)
	_, err = f.WriteAt([]byte(data), 0)
	must(t, err)
	must(t, f.Close())
}

func TestFiles(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := path.Join(dir, "f")
		_, err := fsys.OpenReadWrite(name)
		wantErr(t, "open a missing file", err, fs.ErrNotExist)
		write(t, fsys, name, "hello world")
		f, err := fsys.OpenReadWrite(name)
		must(t, err)
		if f.Name() != name {
			t.Errorf("name %q", f.Name())
		}
		must(t, f.Truncate(5))
		_, err = f.WriteAt([]byte("!"), 7)
		must(t, err)
		must(t, f.Sync())
		if size, err := f.Size(); size != 8 || err != nil {
			t.Errorf("size %d, %v", size, err)
		}
		buf := make([]byte, 10)
		if n, err := f.ReadAt(buf, 3); n != 5 || err != io.EOF || string(buf[:n]) != "lo\x00\x00!" {
			t.Errorf("read %q, %v", buf[:n], err)
		}
		if n, err := f.ReadAt(buf, 100); n != 0 || err != io.EOF {
			t.Errorf("read beyond the end: %d, %v", n, err)
		}
		must(t, fsys.Remove(name))
		if n, err := f.ReadAt(buf[:2], 0); n != 2 || err != nil {
			t.Errorf("a removed file stays readable: %d, %v", n, err)
		}
		must(t, f.Close())
		_, err = f.ReadAt(buf, 0)
		wantErr(t, "read a closed file", err, fs.ErrClosed)
		write(t, fsys, name, "x")
		f, err = fsys.Open(name)
		must(t, err)
		_, err = f.WriteAt(buf, 0)
		wantErr(t, "write a file opened for reading", err, syscall.EBADF)
		must(t, f.Close())
	})
}

func names(t *testing.T, fsys vfs.FS, dir string) string {
	t.Helper()
	entries, err := fsys.ReadDir(dir)
	must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestNames(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		at := func(name string) string { return path.Join(dir, name) }
		must(t, fsys.MkdirAll(at("d/e")))
		must(t, fsys.MkdirAll(at("d/e")))
		write(t, fsys, at("d/b"), "b")
		write(t, fsys, at("d/a"), "a")
		if got := names(t, fsys, at("d")); got != "a b e" {
			t.Errorf("names %q", got)
		}
		must(t, fsys.Rename(at("d/a"), at("d/b")))
		if got, err := vfs.ReadFile(fsys, at("d/b")); string(got) != "a" || err != nil {
			t.Errorf("renamed over: %q, %v", got, err)
		}
		wantErr(t, "rename what is missing", fsys.Rename(at("d/a"), at("x")), fs.ErrNotExist)
		wantErr(t, "rename into itself", fsys.Rename(at("d"), at("d/e/x")), syscall.EINVAL)
		wantErr(t, "remove what is missing", fsys.Remove(at("d/a")), fs.ErrNotExist)
		wantErr(t, "remove a full directory", fsys.Remove(at("d")), syscall.ENOTEMPTY)
		must(t, fsys.Rename(at("d"), at("moved")))
		must(t, fsys.SyncDir(at("moved")))
		if got := names(t, fsys, dir); got != "moved" {
			t.Errorf("names %q", got)
		}
		info, err := fsys.Stat(at("moved/b"))
		must(t, err)
		if info.Size() != 1 || info.IsDir() || info.Name() != "b" {
			t.Errorf("stat %v", info)
		}
		_, err = fsys.Stat(at("moved/b/c"))
		wantErr(t, "below a file", err, syscall.ENOTDIR)
		must(t, fsys.RemoveAll(at("moved")))
		must(t, fsys.RemoveAll(at("moved")))
		if got := names(t, fsys, dir); got != "" {
			t.Errorf("names %q", got)
		}
		wantErr(t, "sync what is missing", fsys.SyncDir(at("moved")), fs.ErrNotExist)
		space, err := fsys.Space(dir)
		if err != nil || space.TotalBytes < space.UsableBytes || space.UsableBytes <= 0 {
			t.Errorf("space %+v, %v", space, err)
		}
	})
}

func TestWriteFileAtomic(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		for _, data := range []string{"first and longer", "second", ""} {
			must(t, vfs.WriteFileAtomic(fsys, path.Join(dir, "cp"), []byte(data)))
			if got, err := vfs.ReadFile(fsys, path.Join(dir, "cp")); string(got) != data || err != nil {
				t.Errorf("%q, %v", got, err)
			}
		}
		if got := names(t, fsys, dir); got != "cp" {
			t.Errorf("left behind: %q", got)
		}
	})
}

func TestLock(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := path.Join(dir, ".lock")
		held, err := fsys.Lock(name)
		must(t, err)
		_, err = fsys.Lock(name)
		wantErr(t, "lock twice", err, vfs.ErrLocked)
		var locked *vfs.LockedError
		if !errors.As(err, &locked) || locked.PID != os.Getpid() || locked.Name != name {
			t.Errorf("%v should name %d", err, os.Getpid())
		}
		must(t, held.Close())
		held, err = fsys.Lock(name)
		must(t, err)
		must(t, held.Close())
	})
}

const lockHelper = "MILENA_TEST_POSIX_LOCK"

// TestLockOfAnotherProgram locks as Java does, in a process of its own, which leaves no process id in the file.
func TestLockOfAnotherProgram(t *testing.T) {
	if name := os.Getenv(lockHelper); name != "" {
		holdPosixLock(t, name)
		return
	}
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has locks that conflict with Java's within one call")
	}
	name := path.Join(t.TempDir(), ".lock")
	helper := exec.Command(os.Args[0], "-test.run=^TestLockOfAnotherProgram$")
	helper.Env = append(os.Environ(), lockHelper+"="+name)
	in, err := helper.StdinPipe()
	must(t, err)
	out, err := helper.StdoutPipe()
	must(t, err)
	must(t, helper.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "locked\n" {
		t.Fatalf("%q, %v", line, err)
	}
	_, err = vfs.OS{}.Lock(name)
	want := fmt.Sprintf("vfs: %s is locked by process %d", name, helper.Process.Pid)
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	must(t, in.Close())
	must(t, helper.Wait())
	held, err := vfs.OS{}.Lock(name)
	must(t, err)
	must(t, held.Close())
}

func holdPosixLock(t *testing.T, name string) {
	f, err := os.Create(name)
	must(t, err)
	must(t, syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK}))
	fmt.Println("locked")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func TestOSFileForSendfile(t *testing.T) {
	f, err := vfs.OS{}.Create(path.Join(t.TempDir(), "f"))
	must(t, err)
	if _, ok := f.(syscall.Conn); !ok {
		t.Error("a file of the machine must give its descriptor")
	}
	must(t, f.Close())
}
