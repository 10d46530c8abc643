package cli

import (
	"context"
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const brokerAPIVersionsExamples = `milena broker-api-versions --bootstrap-server localhost:9092`

func brokerAPIVersionsOptions() *Options {
	bootstrap := bootstrapOption()
	bootstrap.Arg = "server(s) to use for bootstrapping"
	return NewOptions(bootstrap, commandConfigOption())
}

// runBrokerAPIVersions is kafka-broker-api-versions.sh.
func runBrokerAPIVersions(ctx context.Context, env *Env, args []string) error {
	v, err := env.Parse(args)
	if err != nil {
		return err
	}
	if err := v.HelpFirst("This tool helps to retrieve broker version information."); err != nil {
		return err
	}
	if err := v.Require("bootstrap-server"); err != nil {
		return err
	}
	a, err := env.openAdmin(v.Value("bootstrap-server"), v.Value("command-config"))
	if err != nil {
		return err
	}
	defer a.close()
	cluster, err := a.metadata(ctx, "describeCluster", []string{})
	if err != nil {
		return err
	}
	sort.Slice(cluster.Brokers, func(i, j int) bool { return cluster.Brokers[i].NodeID < cluster.Brokers[j].NodeID })
	out := env.Buffered()
	for _, broker := range cluster.Brokers {
		head := fmt.Sprintf("%s:%d (id: %d rack: %s isFenced: false) -> ", broker.Host, broker.Port, broker.NodeID,
			nullable(broker.Rack))
		request := kmsg.NewPtrApiVersionsRequest()
		request.ClientSoftwareName, request.ClientSoftwareVersion = "milena", KafkaVersion
		response, err := a.askBroker(ctx, "apiVersions", broker.NodeID, request)
		if err == nil {
			err = codeError(response.(*kmsg.ApiVersionsResponse).ErrorCode, nil)
		}
		if err != nil {
			fmt.Fprintf(out, "%sERROR: %s\n", head, javaError(err))
			continue
		}
		fmt.Fprint(out, head)
		printAPIVersions(out, response.(*kmsg.ApiVersionsResponse).ApiKeys)
	}
	return out.Flush()
}

// printAPIVersions prints what a broker speaks beside what Kafka's client of this release could use of it.
func printAPIVersions(w io.Writer, keys []kmsg.ApiVersionsResponseApiKey) {
	lines := map[int16]string{}
	var order []int16
	known := map[int16]clientAPI{}
	for _, api := range clientAPIs() {
		known[api.key] = api
		lines[api.key] = fmt.Sprintf("%s(%d): UNSUPPORTED", api.name, api.key)
		order = append(order, api.key)
	}
	for _, key := range keys {
		api, ok := known[key.ApiKey]
		if !ok {
			order = append(order, key.ApiKey)
			lines[key.ApiKey] = fmt.Sprintf("UNKNOWN(%d): %s", key.ApiKey, versionRange(key.MinVersion, key.MaxVersion))
			continue
		}
		usable := min(api.max, key.MaxVersion)
		note := fmt.Sprintf("[usable: %d]", usable)
		if usable < max(api.min, key.MinVersion) {
			note = "[unusable: node too new]"
			if key.MaxVersion < api.min {
				note = "[unusable: node too old]"
			}
		}
		lines[key.ApiKey] = fmt.Sprintf("%s(%d): %s %s", api.name, key.ApiKey, versionRange(key.MinVersion, key.MaxVersion), note)
	}
	sort.Slice(order, func(i, j int) bool { return order[i] < order[j] })
	texts := make([]string, len(order))
	for i, key := range order {
		texts[i] = "\t" + lines[key]
	}
	fmt.Fprintf(w, "(\n%s\n)\n", strings.Join(texts, ",\n"))
}

func versionRange(lowest, highest int16) string {
	if lowest == highest {
		return fmt.Sprint(lowest)
	}
	return fmt.Sprintf("%d to %d", lowest, highest)
}
