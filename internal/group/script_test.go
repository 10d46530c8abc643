package group

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/coordinator"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kerr"
)

// TestClassicScripts runs the scripts of testdata/classic in virtual time. Member ids are shown as their client's name and a number.
func TestClassicScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/classic", func(t *testing.T, path string) {
		synctest.Test(t, func(t *testing.T) {
			s := &script{names: map[string]string{}, ids: map[string]string{}}
			datadriven.RunTest(t, path, s.run)
			if s.world != nil {
				s.c.Stop()
			}
		})
	})
}

// script is one file's world and what has been answered since the last command.
type script struct {
	*world
	names map[string]string // member id: alias
	ids   map[string]string // alias: member id
	mu    sync.Mutex        // guards what answers touch
	said  []string
	read  int // bytes of the log that "records" has shown
}

var uuid = regexp.MustCompile(`[A-Za-z0-9.]+-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

// say keeps an answer, with member ids replaced by their aliases.
func (s *script) say(format string, a ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, s.plain(fmt.Sprintf(format, a...)))
}

func (s *script) plain(line string) string {
	return uuid.ReplaceAllStringFunc(line, func(id string) string {
		if s.names[id] == "" {
			client, _, _ := strings.Cut(id, "-")
			n := 1
			for s.ids[client+"-"+strconv.Itoa(n)] != "" {
				n++
			}
			s.names[id] = client + "-" + strconv.Itoa(n)
			s.ids[s.names[id]] = id
		}
		return s.names[id]
	})
}

func code(c int16) string {
	if c == 0 {
		return "ok"
	}
	return kerr.ErrorForCode(c).(*kerr.Error).Message
}

// arg reads an argument of a command.
func arg(d *datadriven.TestData, key, otherwise string) string {
	for _, a := range d.CmdArgs {
		if a.Key == key {
			return strings.Join(a.Vals, ",")
		}
	}
	return otherwise
}

func number(d *datadriven.TestData, key string, otherwise int) int {
	if v := arg(d, key, ""); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			panic(err)
		}
		return n
	}
	return otherwise
}

// member reads a member's alias.
func (s *script) member(d *datadriven.TestData) string { return s.id(arg(d, "member", "")) }

func (s *script) id(alias string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id := s.ids[alias]; id != "" {
		return id
	}
	return alias
}

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	if d.Cmd == "broker" {
		s.world = newWorld(t, strings.Fields(d.Input)...)
		s.words.take()
		return ""
	}
	commands := map[string]func(*datadriven.TestData){
		"topic": s.makeTopic, "drop-topic": func(d *datadriven.TestData) { s.dropTopic(d.CmdArgs[0].Key) },
		"join": s.join, "sync": s.sync, "heartbeat": s.heartbeat, "leave": s.leave, "describe": s.describe, "list": s.list,
		"commit": s.commit, "fetch": s.fetch, "delete-offsets": s.deleteOffsets, "delete-groups": s.deleteGroups,
		"advance": s.advance, "move": func(*datadriven.TestData) { s.move() },
		"inherit": func(*datadriven.TestData) { s.inherit() }, "log": s.toLog, "records": s.records,
		"beat": s.beat, "write": s.write, "end-transaction": s.endTransaction, "resign": func(*datadriven.TestData) { s.c.Resign(0, s.log.epoch+1) },
	}
	f := commands[d.Cmd]
	if f == nil {
		t.Fatalf("%s: no command %q", d.Pos, d.Cmd)
	}
	f(d)
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.Cmd == "advance" { // what is due at one moment comes in no order
		slices.Sort(s.said)
	}
	out := strings.Join(s.said, "\n")
	s.said = nil
	for _, line := range strings.Split(s.words.take(), "\n") {
		if line != "" {
			out += "\n" + s.plain(line)
		}
	}
	if out == "" {
		return ""
	}
	return strings.TrimPrefix(out, "\n") + "\n"
}

func (s *script) makeTopic(d *datadriven.TestData) {
	s.topic(d.CmdArgs[0].Key, int32(number(d, "partitions", 1)))
}

// advance lets time pass, in steps, so that answers show in order.
func (s *script) advance(d *datadriven.TestData) {
	by, err := time.ParseDuration(d.CmdArgs[0].Key)
	if err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(by)
	synctest.Wait()
}

// beat has a member send heartbeats, one every so often, as long as they are answered alike.
func (s *script) beat(d *datadriven.TestData) {
	every, err := time.ParseDuration(arg(d, "every", "4700ms"))
	if err != nil {
		s.t.Fatal(err)
	}
	last := ""
	for range number(d, "times", 1) {
		time.Sleep(every)
		s.heartbeat(d)
		synctest.Wait()
		s.mu.Lock()
		if now := s.said[len(s.said)-1]; now == last {
			s.said = s.said[:len(s.said)-1]
		} else {
			last = now
		}
		s.mu.Unlock()
	}
}

// toLog has the log refuse, hold, or do its work again.
func (s *script) toLog(d *datadriven.TestData) {
	switch d.CmdArgs[0].Key {
	case "unavailable":
		s.log.fails(coordinator.ErrUnavailable)
	case "too-large":
		s.log.fails(coordinator.ErrTooLarge)
	case "hold":
		s.log.hold()
	case "works":
		s.log.fails(nil)
		s.log.release()
	case "max-batch":
		s.log.limit(number(d, "max-batch", 0))
	}
}
