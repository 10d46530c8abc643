package cli

import (
	"fmt"
	"io"
	"time"
)

// progress shows, on a terminal, how far long work has come: one line that is written over twice a second, and wiped when
// the work ends. Without a terminal it shows nothing. One goroutine uses it.
type progress struct {
	w      io.Writer // nil: show nothing
	what   string    // "records sent"
	start  time.Time
	shown  time.Time
	length int // of the line on the screen
}

// newProgress shows on standard error where that is a terminal.
func (env *Env) newProgress(what string) *progress {
	p := &progress{what: what, start: time.Now()}
	p.shown = p.start
	if env.StderrTerminal {
		p.w = env.Stderr
	}
	return p
}

// step tells that n are done. It looks at the clock only now and then.
func (p *progress) step(n int64) {
	if p.w == nil || n%1024 != 0 {
		return
	}
	now := time.Now()
	if now.Sub(p.shown) < 500*time.Millisecond {
		return
	}
	p.shown = now
	p.line(fmt.Sprintf("%d %s, %.0f a second", n, p.what, perSecond(n, now.Sub(p.start))))
}

// shows tells whether there is a terminal.
func (p *progress) shows() bool { return p.w != nil }

// line writes over the line that is shown.
func (p *progress) line(text string) {
	fmt.Fprintf(p.w, "\r%-*s", p.length, text)
	p.length = len(text)
}

// done wipes the line.
func (p *progress) done() {
	if p.w != nil && p.length > 0 {
		fmt.Fprintf(p.w, "\r%*s\r", p.length, "")
		p.length = 0
	}
}
