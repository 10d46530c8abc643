package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"milena/internal/broker"
	"milena/internal/config"
	"milena/internal/coord"
	"milena/internal/coord/etcdcoord"
)

const coordExamples = `
milena coord ls --recursive --config server.properties /brokers
milena coord get --zookeeper localhost:2181/kafka /controller
milena coord watch --etcd localhost:2379 /brokers/topics`

func coordCommands() []string { return []string{"ls", "get", "watch"} }

func coordOptions() *Options {
	o := NewOptions(
		Option{Name: "config", Arg: "FILE", Help: "The store of the cluster that a server.properties belongs to: its ZooKeeper, its etcd, or " +
			"its voters by their controller listeners."},
		Option{Name: "etcd", Arg: "HOST:PORT,HOST:PORT", Help: "An external etcd."},
		Option{Name: "zookeeper", Arg: "HOST:PORT,HOST:PORT/chroot", Help: "A ZooKeeper."},
		Option{Name: "recursive", Aliases: []string{"R"}, Help: "With ls: all that is below PATH."},
		Option{Name: "timeout", Arg: "ms", Kind: Int, Default: "5000", Help: "How long to try to reach the store."},
	)
	o.Commands = coordCommands()
	return o
}

// runCoord is milena coord: it looks at a cluster's coordination store, and changes nothing there.
func runCoord(ctx context.Context, env *Env, args []string) error {
	v, err := env.Parse(args)
	if err != nil {
		return err
	}
	if v.Has("help") {
		env.printf("Usage: milena coord ls|get|watch [OPTION]… PATH\n\n")
		env.printHelp(env.Stdout)
		return Exit(0)
	}
	if len(v.Rest) < 1 || len(v.Rest) > 2 || !contains(coordCommands(), v.Rest[0]) {
		return Usage("Usage: milena coord ls|get|watch [OPTION]… PATH")
	}
	path := "/"
	if len(v.Rest) == 2 {
		path = v.Rest[1]
	}
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	if err := coord.CheckPath(path); err != nil {
		return err
	}
	ctx, stop := env.Interruptible(ctx)
	defer stop()
	store, err := openCoord(ctx, v)
	if err != nil {
		return err
	}
	defer store.Close()
	switch v.Rest[0] {
	case "ls":
		err = env.listNodes(ctx, store, path, v.Has("recursive"))
	case "get":
		err = env.printNode(ctx, store, path)
	case "watch":
		err = env.watchNodes(ctx, store, path)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return interrupted(ctx)
	case errors.Is(err, coord.ErrNoNode):
		return fmt.Errorf("%s is not there", path)
	}
	return err
}

// openCoord connects to the store that the options name, and does not wait for long.
func openCoord(ctx context.Context, v *Values) (coord.Store, error) {
	given := 0
	for _, name := range []string{"config", "etcd", "zookeeper"} {
		if v.Has(name) {
			given++
		}
	}
	if given != 1 {
		return nil, Usage("Name one store: --config FILE, --etcd HOST:PORT or --zookeeper HOST:PORT")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(v.Int("timeout"))*time.Millisecond)
	defer cancel()
	quiet := slog.New(slog.DiscardHandler)
	switch {
	case v.Has("zookeeper"):
		return openZooKeeper(ctx, v.Value("zookeeper"))
	case v.Has("etcd"):
		return etcdcoord.Open(ctx, etcdcoord.Options{Endpoints: splitList(v.Value("etcd")), Logger: quiet})
	}
	cfg, _, err := config.Load(v.Value("config"), nil)
	if err != nil {
		return nil, err
	}
	return broker.ConnectStore(ctx, cfg, quiet)
}

// walk calls f for a node and all that is below it, parents first, siblings by name.
func walk(ctx context.Context, store coord.Store, path string, f func(path string, node coord.Node)) error {
	node, err := store.Get(ctx, path)
	if err != nil {
		return err
	}
	f(path, node)
	return walkBelow(ctx, store, path, f)
}

func walkBelow(ctx context.Context, store coord.Store, path string, f func(path string, node coord.Node)) error {
	children, err := store.List(ctx, path)
	if errors.Is(err, coord.ErrNoNode) {
		return nil // it went meanwhile
	}
	if err != nil {
		return err
	}
	for _, child := range children {
		below := strings.TrimSuffix(path, "/") + "/" + child.Name
		f(below, child.Node)
		if child.Stat.EphemeralOwner != 0 {
			continue // has no children
		}
		if err := walkBelow(ctx, store, below, f); err != nil {
			return err
		}
	}
	return nil
}

// listNodes prints the names of a node's children, or all paths from the node on.
func (env *Env) listNodes(ctx context.Context, store coord.Store, path string, recursive bool) error {
	out := env.Buffered()
	if recursive {
		err := walk(ctx, store, path, func(path string, _ coord.Node) { fmt.Fprintln(out, path) })
		return errors.Join(err, out.Flush())
	}
	names, err := store.Children(ctx, path)
	for _, name := range names {
		fmt.Fprintln(out, name)
	}
	return errors.Join(err, out.Flush())
}

// printNode prints a node's data, then what the store knows of it.
func (env *Env) printNode(ctx context.Context, store coord.Store, path string) error {
	node, err := store.Get(ctx, path)
	if err != nil {
		return err
	}
	names, err := store.Children(ctx, path)
	if err != nil {
		return err
	}
	env.printf("%s\n", node.Data)
	env.printf("version = %d\ncreated = %d\nmodified = %d\nephemeralOwner = %#x\nchildren = %d\n", node.Stat.Version, node.Stat.CreateID,
		node.Stat.ModID, node.Stat.EphemeralOwner, len(names))
	return nil
}

// coordPause is how long watch waits before it looks again where the store was not reached.
const coordPause = 200 * time.Millisecond

// watchNodes prints what changes at a node and below it, until a signal ends it. Changes in between two looks are one; a store that is away is
// waited for.
func (env *Env) watchNodes(ctx context.Context, store coord.Store, path string) error {
	watch, err := store.Watch(path, coord.WatchTree)
	if err != nil {
		return err
	}
	defer watch.Close()
	var known map[string]coord.Node
	for {
		now := map[string]coord.Node{}
		err := walk(ctx, store, path, func(path string, node coord.Node) { now[path] = node })
		if errors.Is(err, coord.ErrUnavailable) && ctx.Err() == nil {
			if err := pause(ctx, coordPause); err != nil {
				return err
			}
			continue
		}
		if err != nil && !errors.Is(err, coord.ErrNoNode) {
			return err
		}
		if known != nil {
			printChanges(env.Stdout, time.Now(), known, now)
		}
		known = now
		select {
		case _, open := <-watch.C():
			if !open {
				return coord.ErrClosed
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// printChanges prints what differs between two looks at a tree: nodes that went, came, and have other data.
func printChanges(w io.Writer, at time.Time, before, after map[string]coord.Node) {
	stamp := at.Format("15:04:05.000")
	for _, path := range slices.Sorted(maps.Keys(before)) {
		if now, is := after[path]; !is || now.Stat.CreateID != before[path].Stat.CreateID {
			fmt.Fprintf(w, "%s deleted %s\n", stamp, path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(after)) {
		now := after[path]
		old, was := before[path]
		switch {
		case !was || now.Stat.CreateID != old.Stat.CreateID:
			fmt.Fprintf(w, "%s created %s %s\n", stamp, path, now.Data)
		case now.Stat.ModID != old.Stat.ModID:
			fmt.Fprintf(w, "%s set %s version %d %s\n", stamp, path, now.Stat.Version, now.Data)
		}
	}
}
