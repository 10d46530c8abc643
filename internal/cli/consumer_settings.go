package cli

import (
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// groupSettings reads and checks the consumer's properties that have to do with groups.
func groupSettings(p *Properties) (*consumerSettings, error) {
	s := &consumerSettings{group: p.Value("group.id", ""), auto: p.True("enable.auto.commit", true), exact: true}
	switch protocol := p.Value("group.protocol", "classic"); strings.ToLower(protocol) {
	case "classic":
	case "consumer":
		s.next = s.group != ""
	default:
		return nil, invalidValue("group.protocol", protocol, "String must be one of (case insensitive): CONSUMER, CLASSIC")
	}
	if err := s.readReset(p.Value("auto.offset.reset", "latest")); err != nil {
		return nil, err
	}
	interval, err := positiveMs(p, "auto.commit.interval.ms", 5000)
	if err != nil {
		return nil, err
	}
	s.every = max(interval, time.Millisecond)
	poll, err := positiveMs(p, "max.poll.interval.ms", 300_000)
	if err != nil {
		return nil, err
	}
	s.opts = []kgo.Opt{kgo.RebalanceTimeout(poll)}
	if id, ok := p.Get("group.instance.id"); ok {
		s.opts = append(s.opts, kgo.InstanceID(id))
	}
	if s.next {
		return s, s.readNext(p)
	}
	return s, s.readClassic(p)
}

func (s *consumerSettings) readReset(policy string) error {
	duration, timed := strings.CutPrefix(policy, "by_duration:")
	switch {
	case policy == "earliest":
		s.reset = kgo.NewOffset().AtStart()
	case policy == "latest":
		s.reset = kgo.NewOffset().AtEnd()
	case policy == "none":
		s.reset, s.exact = kgo.NoResetOffset(), false
	case timed:
		ago, err := javaDuration(duration)
		if err != nil || ago < 0 {
			return invalidValue("auto.offset.reset", policy, "Unable to parse duration string in `by_duration` strategy.")
		}
		s.reset, s.exact = kgo.NewOffset().AfterMilli(time.Now().Add(-ago).UnixMilli()), false
	default:
		return invalidValue("auto.offset.reset", policy, "The value must be either 'earliest', 'latest', 'none' or of the format "+
			"'by_duration:<PnDTnHnMn.nS.>'.")
	}
	return nil
}

// readNext reads what belongs to the new protocol, in which the broker shares out the partitions and sets the times.
func (s *consumerSettings) readNext(p *Properties) error {
	for _, key := range []string{"partition.assignment.strategy", "heartbeat.interval.ms", "session.timeout.ms"} {
		if _, ok := p.Get(key); ok {
			return &configError{key + " cannot be set when group.protocol=CONSUMER"}
		}
	}
	balancer := kgo.StickyBalancer() // the client asks for the broker's uniform assignor by this name
	switch name := p.Value("group.remote.assignor", "uniform"); name {
	case "uniform":
	case "range":
		balancer = kgo.RangeBalancer()
	default:
		return invalidValue("group.remote.assignor", name, "this client knows the brokers' assignors uniform and range")
	}
	s.opts = append(s.opts, kgo.ServerSideBalancer(), kgo.Balancers(balancer))
	return nil
}

// readClassic reads what belongs to the classic protocol, in which the group's leader shares out the partitions.
func (s *consumerSettings) readClassic(p *Properties) error {
	if _, ok := p.Get("group.remote.assignor"); ok {
		return &configError{"group.remote.assignor cannot be set when group.protocol=CLASSIC"}
	}
	session, err := positiveMs(p, "session.timeout.ms", 45_000)
	if err != nil {
		return err
	}
	heartbeat, err := positiveMs(p, "heartbeat.interval.ms", 3000)
	if err != nil {
		return err
	}
	if _, set := p.Get("heartbeat.interval.ms"); !set && heartbeat >= session {
		heartbeat = max(session/3, time.Millisecond)
	}
	if heartbeat >= session {
		return &configError{"Heartbeat must be set lower than the session timeout"}
	}
	var balancers []kgo.GroupBalancer
	for _, class := range strings.Split(p.Value("partition.assignment.strategy", "RangeAssignor,CooperativeStickyAssignor"), ",") {
		class = strings.TrimSpace(class)
		switch strings.TrimPrefix(class, "org.apache.kafka.clients.consumer.") {
		case "RangeAssignor":
			balancers = append(balancers, kgo.RangeBalancer())
		case "RoundRobinAssignor":
			balancers = append(balancers, kgo.RoundRobinBalancer())
		case "StickyAssignor":
			balancers = append(balancers, kgo.StickyBalancer())
		case "CooperativeStickyAssignor":
			balancers = append(balancers, kgo.CooperativeStickyBalancer())
		default:
			return invalidValue("partition.assignment.strategy", class, "there are RangeAssignor, RoundRobinAssignor, StickyAssignor and "+
				"CooperativeStickyAssignor of org.apache.kafka.clients.consumer")
		}
	}
	s.opts = append(s.opts, kgo.SessionTimeout(session), kgo.HeartbeatInterval(heartbeat), kgo.Balancers(balancers...))
	return nil
}

// positiveMs is a time in milliseconds.
func positiveMs(p *Properties, key string, otherwise int64) (time.Duration, error) {
	text, ok := p.Get(key)
	if !ok {
		return time.Duration(otherwise) * time.Millisecond, nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
	if err != nil {
		return 0, invalidValue(key, text, "Not a number of type INT")
	}
	if n < 0 {
		return 0, invalidValue(key, text, "Value must be at least 0")
	}
	return time.Duration(n) * time.Millisecond, nil
}
