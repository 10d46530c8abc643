package group

import (
	"errors"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"time"

	"milena/internal/coordinator"
	"milena/internal/groupmsg"

	"github.com/twmb/franz-go/pkg/kerr"
)

// regexPauseMs is how long a group's regular expressions are left alone after they were resolved.
const regexPauseMs = 10_000

// subscribeRegex notices a changed regular expression: it refuses one that is none (RE2's syntax), forgets one that nobody uses any
// more, and has those of the group resolved where that is due. resolved tells that the topics of the new one are known already.
func (s *heartbeat) subscribeRegex() (changed, resolved bool, err error) {
	g, old, now := s.g, s.was.regex, s.now.regex
	due := false
	if changed = old != now; changed {
		if old != "" && g.regexUses[old] == 1 {
			s.records = append(s.records, regexRecord(g.id, old, nil))
		}
		switch {
		case now == "":
			resolved = true
		case g.regexUses[now] > 0:
			resolved = g.regexes[now] != nil
		default:
			if _, err := regexp.Compile(now); err != nil {
				return false, false, refuse(kerr.InvalidRegularExpression, "SubscribedTopicRegex `%s` is not a valid regular expression: %s.",
					now, syntaxText(err))
			}
			due = true
		}
	}
	s.resolveLater(due)
	return changed, resolved, nil
}

// resolveLater has the group's regular expressions resolved soon: when one is new, when there are new topics, and now and then.
func (s *heartbeat) resolveLater(due bool) {
	g := s.g
	if s.now.regex == "" && len(g.regexUses) == 0 {
		return
	}
	used := len(g.regexUses)
	if s.was.regex != s.now.regex {
		if s.was.regex != "" && g.regexUses[s.was.regex] == 1 {
			used--
		}
		if s.now.regex != "" && g.regexUses[s.now.regex] == 0 {
			used++
		}
	}
	now := time.Now().UnixMilli()
	for _, r := range g.regexes {
		if now <= r.TimestampMs+regexPauseMs {
			return
		}
		interval := int64(g.m.c.options.Config.Broker().Groups.Consumer.RegexRefreshIntervalMs)
		due = due || r.MetadataVersion < g.m.consumer.topicsVersion || now > r.TimestampMs+interval
	}
	if g.resolving || used == 0 || !due && used == len(g.regexes) {
		return
	}
	g.resolving = true
	g.m.again(func() coordinator.Result {
		g.resolving = false
		if g.m.groups[g.id] != group(g) {
			return coordinator.Result{}
		}
		return g.resolve()
	})
}

// resolve looks for the topics of all regular expressions of the group, and raises its epoch where they are others than before.
func (g *consumerGroup) resolve() coordinator.Result {
	g.m.look()
	began := time.Now()
	image := g.m.c.options.Metadata.Image()
	used := slices.Sorted(maps.Keys(g.regexUses))
	var records []coordinator.Record
	changed := false
	after := *g // as it will be, for the hash
	after.regexes = map[string]*groupmsg.ConsumerGroupRegularExpressionValue{}
	for _, regex := range used {
		v := &groupmsg.ConsumerGroupRegularExpressionValue{
			Topics: []string{}, MetadataVersion: g.m.consumer.topicsVersion, TimestampMs: began.UnixMilli(),
		}
		if re, err := regexp.Compile(regex); err != nil {
			g.m.host.Logger().Error("a regular expression cannot be resolved", "group", g.id, "regex", regex, "error", err)
		} else {
			re.Longest() // so that an expression that can take the whole name does
			for name := range image.Topics {
				if at := re.FindStringIndex(name); at != nil && at[0] == 0 && at[1] == len(name) {
					v.Topics = append(v.Topics, name)
				}
			}
		}
		slices.Sort(v.Topics)
		old := g.regexes[regex]
		changed = changed || old == nil && len(v.Topics) > 0 || old != nil && !slices.Equal(old.Topics, v.Topics)
		after.regexes[regex] = v
		records = append(records, regexRecord(g.id, regex, v))
	}
	hash := after.hashOf(after.topicsOf(g.with(nil)))
	if changed || hash != g.metadataHash {
		records = append(records, epochRecord(g.id, g.epoch+1, hash))
		g.refreshed(g.epoch + 1)
		g.story.add("topics of a regular expression changed")
	}
	g.m.host.Logger().Debug("regular expressions resolved", "group", g.id, "expressions", len(used), "topics", len(image.Topics),
		"tookMs", time.Since(began).Milliseconds())
	return coordinator.Result{Records: records}
}

// syntaxText is what RE2 says of a bad expression, without the expression.
func syntaxText(err error) string {
	var bad *syntax.Error
	if errors.As(err, &bad) {
		return bad.Code.String()
	}
	return err.Error()
}
