package cli

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const featuresExamples = `milena features --bootstrap-server localhost:9092 describe`

func featuresCommands() []string {
	return []string{"describe", "upgrade", "downgrade", "disable", "version-mapping", "feature-dependencies"}
}

func featuresOptions() *Options {
	o := NewArgparse("kafka-features", "This tool shows the feature levels of a cluster.",
		Option{Name: "command-config", Arg: "COMMAND_CONFIG", Help: "Properties file with settings of the client."},
		Option{Name: "bootstrap-server", Arg: "BOOTSTRAP_SERVER", Help: "Brokers to begin with: HOST:PORT,HOST:PORT."},
		Option{Name: "bootstrap-controller", Arg: "BOOTSTRAP_CONTROLLER",
			Help: "KRaft controllers; Milena's brokers are their own."},
	)
	o.Commands = featuresCommands()
	return o
}

// runFeatures is kafka-features.sh; only describe, for feature levels are KRaft's.
func runFeatures(ctx context.Context, env *Env, args []string) error {
	options := featuresOptions()
	v, err := options.parse(args)
	if err != nil {
		return Exitf(1, "Command line error: %v. Type --help for help.", err)
	}
	if v.Has("help") {
		env.printArgparseHelp(env.Stdout, options)
		return nil
	}
	if len(v.Rest) == 0 {
		return Exitf(1, "Command line error: too few arguments. Type --help for help.")
	}
	command := v.Rest[0]
	if !contains(featuresCommands(), command) {
		return Exitf(1, "Command line error: invalid choice: '%s' (choose from '%s'). Type --help for help.", command,
			strings.Join(featuresCommands(), "', '"))
	}
	if len(v.Rest) > 1 {
		return Exitf(1, "Command line error: unrecognized arguments: '%s'. Type --help for help.", v.Rest[1])
	}
	bootstrap := v.Value("bootstrap-server")
	if bootstrap == "" {
		bootstrap = v.Value("bootstrap-controller")
	}
	if bootstrap == "" {
		return Exitf(1, "You must specify either --bootstrap-controller or --bootstrap-server.")
	}
	if command != "describe" {
		return Exitf(1, "features %s: feature levels belong to KRaft; this release only describes them.", command)
	}
	a, err := env.openAdmin(bootstrap, v.Value("command-config"))
	if err != nil {
		return err
	}
	defer a.close()
	return a.describeFeatures(ctx)
}

// describeFeatures prints what any broker says of itself in ApiVersions (KIP-584).
func (a *admin) describeFeatures(ctx context.Context) error {
	request := kmsg.NewPtrApiVersionsRequest()
	request.ClientSoftwareName, request.ClientSoftwareVersion = "milena", KafkaVersion
	response, err := call[*kmsg.ApiVersionsResponse](ctx, a, "describeFeatures", request)
	if err != nil {
		return err
	}
	if err := codeError(response.ErrorCode, nil); err != nil {
		return err
	}
	epoch := "-"
	if response.FinalizedFeaturesEpoch >= 0 {
		epoch = fmt.Sprint(response.FinalizedFeaturesEpoch)
	}
	finalized := map[string]int16{}
	for _, f := range response.FinalizedFeatures {
		finalized[f.Name] = f.MaxVersionLevel
	}
	sort.Slice(response.SupportedFeatures, func(i, j int) bool {
		return response.SupportedFeatures[i].Name < response.SupportedFeatures[j].Name
	})
	for _, f := range response.SupportedFeatures {
		a.env.printf("Feature: %-42sSupportedMinVersion: %-17sSupportedMaxVersion: %-17sFinalizedVersionLevel: "+
			"%-17sEpoch: %s\n", f.Name,
			featureLevel(f.Name, f.MinVersion), featureLevel(f.Name, f.MaxVersion), featureLevel(f.Name, finalized[f.Name]), epoch)
	}
	return nil
}

// featureLevel prints a level; those of metadata.version have names, in the order of Kafka's releases.
func featureLevel(feature string, level int16) string {
	names := strings.Fields(`3.0-IV1 3.1-IV0 3.2-IV0 3.3-IV0 3.3-IV1 3.3-IV2 3.3-IV3 3.4-IV0 3.5-IV0 3.5-IV1 3.5-IV2 3.6-IV0 3.6-IV1
		3.6-IV2 3.7-IV0 3.7-IV1 3.7-IV2 3.7-IV3 3.7-IV4 3.8-IV0 3.9-IV0 4.0-IV0 4.0-IV1 4.0-IV2 4.0-IV3 4.1-IV0 4.1-IV1 4.2-IV0
		4.2-IV1 4.3-IV0`)
	if feature == "metadata.version" && level >= 1 && int(level) <= len(names) {
		return names[level-1]
	}
	return fmt.Sprint(level)
}
