package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"milena/internal/clusterstore"
	"milena/internal/config"
	"milena/internal/coord"
)

// configsByZooKeeper is kafka-configs.sh --zookeeper, as in Kafka 2.4.
func (env *Env) configsByZooKeeper(ctx context.Context, v *Values) error {
	entity, err := checkTreeConfigs(v)
	if err != nil {
		return err
	}
	store, err := openTree(ctx, v.Value("zookeeper"))
	if err != nil {
		return err
	}
	defer store.Coord().Close()
	if v.Has("alter") {
		return env.alterTreeConfig(ctx, v, store, entity)
	}
	return env.describeTreeConfig(ctx, store, entity)
}

// treeEntity is what a command is about: a type and a name, perhaps a second type and name below it (the clients of a user). A name is nil
// where all are meant.
type treeEntity struct {
	kind, below     string
	name, belowName *string
}

// checkTreeConfigs refuses what does not go together, in the words of Kafka 2.4.
func checkTreeConfigs(v *Values) (*treeEntity, error) {
	if v.Has("alter") == v.Has("describe") {
		return nil, Usage("Command must include exactly one action: --describe, --alter")
	}
	if err := v.Exclude("describe", "add-config", "delete-config"); err != nil {
		return nil, err
	}
	allowed := []string{"zookeeper", "alter", "describe", "add-config", "delete-config", "entity-type", "entity-name", "entity-default", "force"}
	for _, name := range v.Order {
		if name == "bootstrap-server" {
			return nil, errors.New("Only one of --bootstrap-server or --zookeeper must be specified")
		}
		if !contains(allowed, name) {
			return nil, Usagef("Option \"[%s]\" can't be used with option \"[zookeeper]\"", name)
		}
	}
	types := v.All("entity-type")
	for _, t := range types {
		if !contains([]string{topicsEntity, clientsEntity, usersEntity, brokersEntity}, t) {
			return nil, fmt.Errorf("Invalid entity-type %s, --entity-type must be one of topics,clients,users,brokers with the --zookeeper argument", t)
		}
	}
	switch {
	case len(types) == 0:
		return nil, errors.New("At least one --entity-type must be specified")
	case len(types) > 1 && !(len(types) == 2 && contains(types, usersEntity) && contains(types, clientsEntity)):
		return nil, errors.New("Only 'users' and 'clients' entity types may be specified together")
	}
	if err := checkEntityNames(configEntity{types, v.All("entity-name")}); err != nil {
		return nil, err
	}
	if v.Has("alter") {
		if !v.Has("entity-name") && (types[0] == topicsEntity || !v.Has("entity-default")) {
			if types[0] == topicsEntity {
				return nil, errors.New("--entity-name must be specified with --alter of topics")
			}
			return nil, errors.New("--entity-name or --entity-default must be specified with --alter of users, clients or brokers")
		}
		if !v.Has("add-config") && !v.Has("delete-config") {
			return nil, errors.New("At least one of --add-config or --delete-config must be specified with --alter")
		}
	}
	return treeEntityOf(v, types)
}

// treeEntityOf puts names and types together, in the order in which they stand.
func treeEntityOf(v *Values, types []string) (*treeEntity, error) {
	var names []*string
	given := v.All("entity-name")
	for _, option := range v.Order {
		switch option {
		case "entity-name":
			name := given[0]
			if types[0] == usersEntity || types[0] == clientsEntity {
				name = clusterstore.SanitizeEntity(name)
			}
			names, given = append(names, &name), given[1:]
		case "entity-default":
			name := clusterstore.DefaultEntity
			names = append(names, &name)
		}
	}
	if len(types) == 2 && v.Has("alter") && len(names) != 2 {
		return nil, errors.New("--entity-name or --entity-default must be specified with each --entity-type for --alter")
	}
	if len(types) == 2 && types[0] == clientsEntity {
		types = []string{types[1], types[0]}
		if len(names) == 2 {
			slices.Reverse(names)
		}
	}
	e := &treeEntity{kind: types[0]}
	if len(names) > 0 {
		e.name = names[0]
	}
	if len(types) == 2 {
		e.below = types[1]
		if len(names) > 1 {
			e.belowName = names[1]
		}
	}
	return e, nil
}

// path is the entity's place below /config.
func (e *treeEntity) path() clusterstore.Entity {
	text := e.kind + "/" + *e.name
	if e.below != "" {
		text += "/" + e.below + "/" + *e.belowName
	}
	return clusterstore.Entity(text)
}

func (e *treeEntity) String() string {
	text := entityText(e.kind, *e.name)
	if e.below != "" {
		text += ", " + entityText(e.below, *e.belowName)
	}
	return text
}

func entityText(kind, name string) string {
	word := map[string]string{usersEntity: "user-principal", clientsEntity: "client-id", topicsEntity: "topic"}[kind]
	if word == "" {
		word = kind
	}
	if name == clusterstore.DefaultEntity {
		return "default " + word
	}
	if plain, err := url.PathUnescape(name); err == nil && (kind == usersEntity || kind == clientsEntity) {
		name = plain
	}
	return fmt.Sprintf("%s '%s'", word, name)
}

// expand lists the entities meant where names are left out.
func (e *treeEntity) expand(ctx context.Context, store *clusterstore.Store) ([]*treeEntity, error) {
	if e.name == nil {
		names, err := childrenOf(ctx, store, "/config/"+e.kind)
		var all []*treeEntity
		for _, name := range names {
			if err != nil {
				break
			}
			var some []*treeEntity
			some, err = (&treeEntity{kind: e.kind, name: &name, below: e.below}).expand(ctx, store)
			all = append(all, some...)
		}
		return all, err
	}
	if e.below == "" || e.belowName != nil {
		return []*treeEntity{e}, nil
	}
	names, err := childrenOf(ctx, store, "/config/"+e.kind+"/"+*e.name+"/"+e.below)
	var all []*treeEntity
	for _, name := range names {
		all = append(all, &treeEntity{kind: e.kind, name: e.name, below: e.below, belowName: &name})
	}
	return all, err
}

func childrenOf(ctx context.Context, store *clusterstore.Store, path string) ([]string, error) {
	names, err := store.Coord().Children(ctx, path)
	if errors.Is(err, coord.ErrNoNode) {
		return nil, nil
	}
	return names, err
}

func (env *Env) describeTreeConfig(ctx context.Context, store *clusterstore.Store, e *treeEntity) error {
	entities, err := e.expand(ctx, store)
	if err != nil {
		return err
	}
	allUsers := e.kind == usersEntity && e.name == nil && e.below == ""
	for _, entity := range entities {
		settings, err := store.Config(ctx, entity.path())
		if err != nil {
			return err
		}
		if len(settings) > 0 || !allUsers {
			env.printf("Configs for %s are %s\n", entity, settingsText(settings))
		}
	}
	return nil
}

func (env *Env) alterTreeConfig(ctx context.Context, v *Values, store *clusterstore.Store, e *treeEntity) error {
	add, err := configsToAdd(v)
	if err != nil {
		return err
	}
	switch e.kind {
	case usersEntity:
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			if _, has := add.Get(mechanism); has {
				return fmt.Errorf("This release has no authentication: %s is not taken", mechanism)
			}
		}
	case brokersEntity:
		if err := checkTreeBrokerConfig(ctx, store, e, add); err != nil {
			return err
		}
	}
	remove := configsToDelete(v)
	if e.kind == topicsEntity {
		if _, err := store.Topic(ctx, *e.name); errors.Is(err, coord.ErrNoNode) {
			return fmt.Errorf("Topic '%s' does not exist.", *e.name)
		}
	}
	err = store.ChangeConfig(ctx, e.path(), func(settings map[string]string) (map[string]string, error) {
		var unknown []string
		for _, key := range remove {
			if _, has := settings[key]; !has {
				unknown = append(unknown, key)
			}
		}
		if len(unknown) > 0 {
			return nil, fmt.Errorf("Invalid config(s): %s", strings.Join(unknown, ","))
		}
		for _, key := range add.keys {
			settings[key] = add.values[key]
		}
		for _, key := range remove {
			delete(settings, key)
		}
		if e.kind == topicsEntity {
			return settings, checkTopicSettings(settings)
		}
		return settings, nil
	})
	if err == nil {
		env.printf("Completed Updating config for entity: %s.\n", e)
	}
	return err
}

// checkTreeBrokerConfig lets replication throttles be set at any time, all else only where the broker is not running: a running one checks
// what it is given.
func checkTreeBrokerConfig(ctx context.Context, store *clusterstore.Store, e *treeEntity, add *Properties) error {
	var others []string
	for _, key := range add.keys {
		if !contains(brokerThrottles(), key) {
			others = append(others, key)
		}
	}
	if len(others) == 0 {
		return nil
	}
	registered, err := store.Brokers(ctx)
	if err != nil {
		return err
	}
	const info = "Broker configuration updates using ZooKeeper are supported for bootstrapping before brokers are started to enable " +
		"encrypted password configs to be stored in ZooKeeper."
	message := fmt.Sprintf("requirement failed: --bootstrap-server option must be specified to update broker configs Set(%s).", strings.Join(others, ", "))
	byDefault := *e.name == clusterstore.DefaultEntity
	if byDefault && len(registered) > 0 {
		return fmt.Errorf("%s for default cluster if any broker is running. %s", message, info)
	}
	for _, b := range registered {
		if fmt.Sprint(b.ID) == *e.name {
			return fmt.Errorf("%s when broker %s is running. %s", message, *e.name, info)
		}
	}
	for _, key := range others {
		if _, known := config.BrokerKey(key); !known {
			return fmt.Errorf("Invalid config(s): %s", key)
		}
		if strings.Contains(key, "password") || strings.HasPrefix(key, "ssl.") {
			return fmt.Errorf("%s is not taken by way of ZooKeeper: passwords would have to be encrypted. Start the broker and use --bootstrap-server", key)
		}
	}
	return nil
}
