package commitlog

import (
	"runtime"
	"testing"
	"time"

	"milena/internal/vfs/memfs"
)

// TestRenamedUnderFlush: a topic may be deleted in the moment in which a roll has its log flushed in the background. The flush then finds the
// directory under either name; it does not take it for broken.
func TestRenamedUnderFlush(t *testing.T) {
	for i := range 300 {
		l, told := openFaulty(t, memfs.New(), OpenOptions{Clean: true})
		if err := appendPlain(t, l); err != nil {
			t.Fatal(err)
		}
		l.mu.Lock()
		err := l.rollTo(l.end.Load(), time.Now().UnixMilli()) // flushes in the background
		l.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		for range i % 8 {
			runtime.Gosched() // so that the flush is now here, now there
		}
		if err := l.Rename("topic-0.-delete"); err != nil {
			t.Fatal(err)
		}
		l.flusher.settle()
		if err := l.usable(); err != nil || *told > 0 {
			t.Fatalf("the log failed: %v; its directory was told %d times", err, *told)
		}
		l.CloseDirty()
	}
}
