package cli

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
)

const configsExamples = `
milena configs --bootstrap-server localhost:9092 --describe --topic greetings
milena configs --bootstrap-server localhost:9092 --alter --topic greetings --add-config retention.ms=3600000,cleanup.policy=[compact,delete]
milena configs --bootstrap-server localhost:9092 --alter --topic greetings --delete-config retention.ms
milena configs --bootstrap-server localhost:9092 --describe --broker 0 --all`

// The types of entity that have settings.
const (
	topicsEntity        = "topics"
	clientsEntity       = "clients"
	usersEntity         = "users"
	brokersEntity       = "brokers"
	ipsEntity           = "ips"
	clientMetricsEntity = "client-metrics"
	groupsEntity        = "groups"
	brokerLoggersEntity = "broker-loggers"
)

func entityTypes() []string {
	return []string{topicsEntity, clientsEntity, usersEntity, brokersEntity, ipsEntity, clientMetricsEntity, groupsEntity,
		brokerLoggersEntity}
}

// entityFlags are the short forms: --topic NAME for --entity-type topics --entity-name NAME.
func entityFlags() [][2]string {
	return [][2]string{{"topic", topicsEntity}, {"client", clientsEntity}, {"user", usersEntity}, {"broker", brokersEntity},
		{"broker-logger", brokerLoggersEntity}, {"ip", ipsEntity}, {"client-metrics", clientMetricsEntity}, {"group", groupsEntity}}
}

func entityDefaultFlags() [][2]string {
	return [][2]string{{"client-defaults", clientsEntity}, {"user-defaults", usersEntity}, {"broker-defaults", brokersEntity},
		{"ip-defaults", ipsEntity}}
}

func configsOptions() *Options {
	valid := ""
	for _, entity := range []string{topicsEntity, brokersEntity, usersEntity, clientsEntity, ipsEntity,
		clientMetricsEntity, groupsEntity} {
		valid += "\nSettings of " + entity + ":\n" + strings.Join(configNames(entity), "\n")
	}
	text := func(name, help string) Option { return Option{Name: name, Arg: name, Help: help} }
	return NewOptions(
		Option{Name: "add-config", Arg: "k1=v1,k2=[v1,v2]",
			Help: "Settings to set; a value with commas stands in square brackets." + valid},
		Option{Name: "add-config-file", Arg: "properties file", Help: "Properties file with settings to set."},
		Option{Name: "all", Help: "With --describe: all settings, the broker's static ones and defaults among them."},
		Option{Name: "alter", Help: "Change settings."},
		Option{Name: "bootstrap-controller", Arg: "controller to connect to",
			Help: "KRaft controllers; Milena's brokers are their own."},
		Option{Name: "bootstrap-server", Arg: "server to connect to", Help: "Brokers to begin with: HOST:PORT,HOST:PORT."},
		text("broker", "A broker, by its id."),
		Option{Name: "broker-defaults", Help: "What all brokers have where they have nothing of their own."},
		text("broker-logger", "A broker's log levels, by its id."),
		text("client", "A client, by its client id."),
		Option{Name: "client-defaults", Help: "What all clients have where they have nothing of their own."},
		text("client-metrics", "A subscription of client metrics."),
		commandConfigOption(),
		Option{Name: "delete-config", Arg: "k1,k2", Many: true, Help: "Settings to take away."},
		Option{Name: "describe", Help: "Show settings."},
		Option{Name: "entity-default", Help: "The defaults of this type of entity."},
		Option{Name: "entity-name", Arg: "name", Many: true, Help: "The entity: topic, broker id, client id, user, ip, …"},
		Option{Name: "entity-type", Arg: "type", Many: true, Help: "What it is: " + strings.Join(entityTypes(), ", ") + "."},
		Option{Name: "force", Hidden: true, Help: "Ask nothing."},
		text("group", "A group, by its id."),
		text("ip", "An IP address."),
		Option{Name: "ip-defaults", Help: "What all addresses have where they have nothing of their own."},
		text("topic", "A topic, by its name."),
		text("user", "A user, by its principal's name."),
		zookeeperOption("Instead of --bootstrap-server"),
		Option{Name: "user-defaults", Help: "What all users have where they have nothing of their own."},
	)
}

// configEntity is what the command is about: one type, or users and clients together; names[i] belongs to types[i], and an
// empty name is the type's default.
type configEntity struct{ types, names []string }

// runConfigs is kafka-configs.sh.
func runConfigs(ctx context.Context, env *Env, args []string) error {
	v, err := env.Parse(args)
	if err != nil {
		return err
	}
	if v.Has("help") {
		return v.HelpFirst("This tool helps to manipulate and describe entity config for a topic, client, user, " +
			"broker, ip, client-metrics or group")
	}
	if v.Has("zookeeper") {
		return env.configsByZooKeeper(ctx, v)
	}
	entity, err := checkConfigs(v)
	if err != nil {
		return err
	}
	bootstrap := v.Value("bootstrap-server")
	if bootstrap == "" {
		bootstrap = v.Value("bootstrap-controller")
	}
	a, err := env.openAdmin(bootstrap, v.Value("command-config"))
	if err != nil {
		return err
	}
	defer a.close()
	if v.Has("alter") {
		err = a.alterConfig(ctx, v, entity)
	} else {
		err = a.describeConfig(ctx, v, entity)
	}
	var answered *apiError
	var late *timeoutError
	if errors.As(err, &answered) || errors.As(err, &late) {
		return Exitf(1, "Error while executing config command with args '%s'\njava.util.concurrent.ExecutionException: %s",
			strings.Join(args, " "), javaError(err))
	}
	return err
}

// checkConfigs refuses what does not go together, in Kafka's order and words, and tells what the command is about.
func checkConfigs(v *Values) (configEntity, error) {
	entity := configEntity{types: v.All("entity-type")}
	if v.Has("alter") == v.Has("describe") {
		return entity, Usage("Command must include exactly one action: --describe, --alter")
	}
	if err := v.Exclude("describe", "alter", "add-config", "delete-config"); err != nil {
		return entity, err
	}
	long := v.Has("entity-type") || v.Has("entity-name") || v.Has("entity-default")
	short := false
	names := v.All("entity-name")
	for _, name := range v.Order {
		switch name {
		case "entity-name":
			entity.names, names = append(entity.names, names[0]), names[1:]
		case "entity-default":
			entity.names = append(entity.names, "")
		}
	}
	for _, flag := range entityFlags() {
		if v.Has(flag[0]) {
			short = true
			entity.types, entity.names = append(entity.types, flag[1]), append(entity.names, v.Value(flag[0]))
		}
	}
	for _, flag := range entityDefaultFlags() {
		if v.Has(flag[0]) {
			short = true
			entity.types, entity.names = append(entity.types, flag[1]), append(entity.names, "")
		}
	}
	if err := checkEntityTypes(v, entity.types); err != nil {
		return entity, err
	}
	if long && short {
		return entity, errors.New("--entity-{type,name,default} should not be used in conjunction with specific entity flags")
	}
	if v.Has("bootstrap-server") && v.Has("bootstrap-controller") {
		return entity, errors.New("Only one of --bootstrap-server or --bootstrap-controller can be specified.")
	}
	if !v.Has("bootstrap-server") && !v.Has("bootstrap-controller") {
		return entity, errors.New("Either --bootstrap-server or --bootstrap-controller must be specified.")
	}
	if err := checkEntityNames(entity); err != nil {
		return entity, err
	}
	return entity, checkConfigsAction(v, entity)
}

func checkEntityTypes(v *Values, types []string) error {
	for i, t := range types {
		if contains(types[:i], t) {
			return errors.New("Duplicate entity type(s) specified: " + t)
		}
	}
	for _, t := range types {
		if !contains(entityTypes(), t) {
			return errors.New("Invalid entity type " + t + ", the entity type must be one of " + strings.Join(entityTypes(), ", ") +
				" with a --bootstrap-server or --bootstrap-controller argument")
		}
	}
	if len(types) == 0 {
		return errors.New("At least one entity type must be specified")
	}
	if len(types) > 1 && !(len(types) == 2 && contains(types, usersEntity) && contains(types, clientsEntity)) {
		return errors.New("Only 'users' and 'clients' entity types may be specified together")
	}
	return nil
}

func checkEntityNames(entity configEntity) error {
	for _, name := range entity.names {
		switch kind := entity.types[0]; {
		case name == "":
		case kind == brokersEntity || kind == brokerLoggersEntity:
			if _, err := strconv.ParseInt(name, 10, 32); err != nil {
				return errors.New("The entity name for " + kind + " must be a valid integer broker id, but it is: " + name)
			}
		case kind == ipsEntity && net.ParseIP(name) == nil:
			if _, err := net.LookupHost(name); err != nil {
				return errors.New("The entity name for ips must be a valid IP or resolvable host, but it is: " + name)
			}
		}
	}
	return nil
}

// checkConfigsAction refuses an action that lacks what it needs.
func checkConfigsAction(v *Values, entity configEntity) error {
	named, defaulted := false, false
	for _, name := range entity.names {
		named, defaulted = named || name != "", defaulted || name == ""
	}
	kind := strings.Join(entity.types, ",")
	mayDefault := contains([]string{usersEntity, clientsEntity, brokersEntity, ipsEntity}, entity.types[0])
	if v.Has("describe") {
		if !mayDefault && v.Has("entity-default") {
			return errors.New("--entity-default must not be specified with --describe of " + kind)
		}
		if entity.types[0] == brokerLoggersEntity && !named {
			return errors.New("An entity name must be specified with --describe of " + kind)
		}
		return nil
	}
	if mayDefault && !named && !defaulted {
		return errors.New("An entity-name or default entity must be specified with --alter of users, clients, brokers or ips")
	}
	if !mayDefault && !named {
		return errors.New("An entity name must be specified with --alter of " + kind)
	}
	if v.Has("add-config") && v.Has("add-config-file") {
		return errors.New("Only one of --add-config or --add-config-file must be specified")
	}
	if !v.Has("add-config") && !v.Has("add-config-file") && !v.Has("delete-config") {
		return errors.New("At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter")
	}
	if len(entity.types) != len(entity.names) {
		return errors.New("An entity name must be specified for every entity type")
	}
	return nil
}
