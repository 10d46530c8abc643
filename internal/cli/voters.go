package cli

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"

	"milena/internal/broker"
	"milena/internal/config"
	"milena/internal/coord/etcdcoord"
	"milena/internal/vfs"
)

const votersExamples = `
milena voters list --config server.properties
milena voters replace 3 --config server.properties               voter 3 is lost: its successor starts with an empty directory
milena voters replace 3 3@broker7:9093 --config server.properties    the same, at another address
milena voters add 4@broker4:9093 --config server.properties
milena voters remove 4 --config server.properties
milena voters recover --config server.properties --force         all others are lost for ever: this one, stopped, goes on alone`

const votersUsage = "usage: milena voters {list,add ID@HOST:PORT,remove ID,replace ID [ID@HOST:PORT],recover --force} --config FILE\n"

// votersCommand is a parsed command line of milena voters.
type votersCommand struct {
	name   string
	args   []string
	config string
	force  bool
}

// runVoters changes who the voters of a cluster are: the members of the embedded store.
func runVoters(ctx context.Context, env *Env, args []string) error {
	c := votersCommand{}
	for i := 0; i < len(args); i++ {
		name, value, inline := strings.Cut(args[i], "=")
		switch {
		case name == "--config" || name == "-c":
			if !inline {
				if i++; i == len(args) {
					return env.votersUsage("--config needs a file")
				}
				value = args[i]
			}
			c.config = value
		case name == "--force":
			c.force = true
		case name == "--help" || name == "-h":
			env.printf("%s", votersUsage)
			env.printHelp(env.Stdout)
			return nil
		case strings.HasPrefix(name, "-"):
			return env.votersUsage("unknown option " + name)
		case c.name == "":
			c.name = name
		default:
			c.args = append(c.args, args[i])
		}
	}
	wanted := map[string][2]int{"list": {0, 0}, "add": {1, 1}, "remove": {1, 1}, "replace": {1, 2}, "recover": {0, 0}}
	count, ok := wanted[c.name]
	switch {
	case !ok:
		return env.votersUsage("say what to do")
	case len(c.args) < count[0] || len(c.args) > count[1]:
		return env.votersUsage(c.name + ": wrong number of arguments")
	case c.config == "":
		return env.votersUsage("--config is needed: server.properties of a node of the cluster")
	}
	cfg, _, err := config.Load(c.config, nil)
	if err != nil {
		return Exitf(1, "%v", err)
	}
	if err := c.run(ctx, env, cfg); err != nil {
		return Exitf(1, "voters: %v", err)
	}
	return nil
}

func (e *Env) votersUsage(problem string) error {
	e.errorf("%s", votersUsage)
	return Exitf(1, "voters: %s", problem)
}

func (c *votersCommand) run(ctx context.Context, env *Env, cfg *config.Broker) error {
	o := &broker.Options{FS: vfs.OS{}, Logger: slog.New(slog.DiscardHandler)}
	if c.name == "recover" {
		return c.recover(ctx, env, cfg, o)
	}
	exclude := int32(-1)
	if c.name == "remove" || c.name == "replace" {
		id, err := strconv.ParseInt(c.args[0], 10, 32)
		if err != nil || id < 0 {
			return fmt.Errorf("%s is not the id of a voter", c.args[0])
		}
		exclude = int32(id)
	}
	voters, err := broker.Voters(cfg, o, exclude)
	if err != nil {
		return err
	}
	defer voters.Close()
	list, err := voters.List(ctx)
	if err != nil {
		return err
	}
	switch c.name {
	case "list":
		return env.printVoters(list)
	case "add":
		return c.add(ctx, env, voters, list, c.args[0])
	case "remove":
		return c.remove(ctx, env, voters, voterIn(cfg, list, exclude))
	}
	return c.replace(ctx, env, cfg, voters, list, exclude)
}

// voterIn finds a voter by its id; one that never ran has none yet and is found by the address that the configuration gives it. nil where
// there is none.
func voterIn(cfg *config.Broker, list []etcdcoord.Voter, id int32) *etcdcoord.Voter {
	if i := slices.IndexFunc(list, func(v etcdcoord.Voter) bool { return v.ID == id }); i >= 0 {
		return &list[i]
	}
	for _, named := range cfg.Voters {
		i := slices.IndexFunc(list, func(v etcdcoord.Voter) bool { return v.ID < 0 && v.Host == named.Host && v.Port == named.Port })
		if named.ID == id && i >= 0 {
			return &list[i]
		}
	}
	return nil
}

func (c *votersCommand) remove(ctx context.Context, env *Env, voters *etcdcoord.Voters, voter *etcdcoord.Voter) error {
	if voter == nil {
		return fmt.Errorf("the cluster has no voter %s: milena voters list", c.args[0])
	}
	if err := voters.Remove(ctx, voter); err != nil {
		return err
	}
	env.printf("Removed voter %s.\n", voter.Member.String())
	return nil
}

func (c *votersCommand) add(ctx context.Context, env *Env, voters *etcdcoord.Voters, list []etcdcoord.Voter, text string) error {
	m, err := parseVoter(text)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list, func(v etcdcoord.Voter) bool { return v.ID == m.ID }) {
		return fmt.Errorf("the cluster has a voter %d already: milena voters replace %d", m.ID, m.ID)
	}
	if err := voters.Add(ctx, m); err != nil {
		return err
	}
	env.printf("Added voter %s. Start it with an empty directory; it votes as soon as it has caught up.\n", m.String())
	return nil
}

// replace takes a voter out and lets its successor in; where one of the two was done by an earlier call, it goes on from there.
func (c *votersCommand) replace(
	ctx context.Context, env *Env, cfg *config.Broker, voters *etcdcoord.Voters, list []etcdcoord.Voter, id int32,
) error {
	old := voterIn(cfg, list, id)
	successor := ""
	if len(c.args) > 1 {
		successor = c.args[1]
	} else if old != nil {
		successor = fmt.Sprintf("%d@%s", id, net.JoinHostPort(old.Host, strconv.Itoa(old.Port)))
	} else if i := slices.IndexFunc(cfg.Voters, func(v config.Voter) bool { return v.ID == id }); i >= 0 {
		successor = fmt.Sprintf("%d@%s", id, net.JoinHostPort(cfg.Voters[i].Host, strconv.Itoa(cfg.Voters[i].Port)))
	} else {
		return fmt.Errorf("neither the cluster nor the configuration has a voter %d: milena voters list", id)
	}
	m, err := parseVoter(successor)
	if err != nil {
		return err
	}
	switch {
	case old != nil && old.Err == nil && !c.force:
		return fmt.Errorf("voter %d lives: stop it first, or say --force", id)
	case old != nil:
		if err := c.remove(ctx, env, voters, old); err != nil {
			return err
		}
		list = slices.DeleteFunc(list, func(v etcdcoord.Voter) bool { return v.Member == old.Member })
	}
	return c.add(ctx, env, voters, list, m.String())
}

func (c *votersCommand) recover(ctx context.Context, env *Env, cfg *config.Broker, o *broker.Options) error {
	if !c.force {
		return fmt.Errorf("this makes the voter with the data in %s the only one: what it has not heard of is lost, and the other voters must never "+
			"run again on their directories. If they are lost for ever, say --force", cfg.LogDirs[0])
	}
	if err := broker.RecoverVoter(ctx, cfg, o); err != nil {
		return err
	}
	env.printf("Voter %d is the only one now. Start it, then add others (milena voters add), each on an empty directory.\n", cfg.BrokerID)
	return nil
}

func parseVoter(text string) (etcdcoord.Member, error) {
	id, address, ok := strings.Cut(text, "@")
	n, err := strconv.ParseInt(id, 10, 32)
	host, portText, splitErr := net.SplitHostPort(address)
	port, portErr := strconv.ParseUint(portText, 10, 16)
	if !ok || err != nil || n < 0 || splitErr != nil || portErr != nil || host == "" || port == 0 {
		return etcdcoord.Member{}, fmt.Errorf("%s is not a voter: ID@HOST:PORT, with the address of its controller listener", text)
	}
	return etcdcoord.Member{ID: int32(n), Host: host, Port: int(port)}, nil
}

func (e *Env) printVoters(list []etcdcoord.Voter) error {
	slices.SortFunc(list, func(a, b etcdcoord.Voter) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Host, b.Host)) })
	e.printf("%-8s%-32s%-12s%-12s%s\n", "VOTER", "ADDRESS", "ROLE", "APPLIED", "STATE")
	for _, v := range list {
		id, role, state, applied := strconv.Itoa(int(v.ID)), "follower", "up", strconv.FormatUint(v.Applied, 10)
		switch {
		case v.Learner:
			role = "learner"
		case v.Leader:
			role = "leader"
		}
		if v.Err != nil {
			state, applied = "down: "+v.Err.Error(), "-"
		}
		if !v.Started {
			id, state = "-", "to be started with an empty directory"
		}
		e.printf("%-8s%-32s%-12s%-12s%s\n", id, net.JoinHostPort(v.Host, strconv.Itoa(v.Port)), role, applied, state)
	}
	return nil
}
