package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const deleteRecordsExamples = `
echo '{"partitions":[{"topic":"greetings","partition":0,"offset":42}],"version":1}' > offsets.json
milena delete-records --bootstrap-server localhost:9092 --offset-json-file offsets.json`

func deleteRecordsOptions() *Options {
	bootstrap := bootstrapOption()
	bootstrap.Arg = "server(s) to use for bootstrapping"
	return NewOptions(bootstrap, commandConfigOption(),
		Option{Name: "offset-json-file", Arg: "Offset json file path", Required: true,
			Help: "File that says, for each partition, the first offset to stay:\n" +
				`{"partitions":[{"topic":"foo","partition":1,"offset":1}],"version":1}`},
	)
}

// runDeleteRecords is kafka-delete-records.sh.
func runDeleteRecords(ctx context.Context, env *Env, args []string) error {
	v, err := env.Parse(args)
	if err != nil {
		return err
	}
	if err := v.HelpFirst("This tool helps to delete records of the given partitions down to the specified offset."); err != nil {
		return err
	}
	if err := v.Require("bootstrap-server", "offset-json-file"); err != nil {
		return err
	}
	text, err := os.ReadFile(v.Value("offset-json-file"))
	if err != nil {
		return fmt.Errorf("Unable to read file %s", v.Value("offset-json-file"))
	}
	partitions, offsets, err := parseOffsetJSON(text)
	if err != nil {
		return err
	}
	a, err := env.openAdmin(v.Value("bootstrap-server"), v.Value("command-config"))
	if err != nil {
		return err
	}
	defer a.close()
	env.println("Executing records delete operation")
	results, err := a.deleteRecords(ctx, partitions, offsets)
	if err != nil {
		return err
	}
	env.println("Records delete operation completed:")
	for _, tp := range partitions {
		r := results[tp]
		if err := codeError(r.ErrorCode, nil); err != nil {
			env.printf("partition: %s\terror: %s\n", tp, javaError(err))
		} else {
			env.printf("partition: %s\tlow_watermark: %d\n", tp, r.LowWatermark)
		}
	}
	return nil
}

// parseOffsetJSON reads the file; partitions come in the order of Kafka's tool.
func parseOffsetJSON(text []byte) ([]topicPartition, map[topicPartition]int64, error) {
	var file struct {
		Version    *int `json:"version"`
		Partitions *[]struct {
			Topic     *string `json:"topic"`
			Partition *int32  `json:"partition"`
			Offset    *int64  `json:"offset"`
		} `json:"partitions"`
	}
	if !json.Valid(text) {
		return nil, nil, errors.New("The input string is not a valid JSON")
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, nil, err
	}
	if file.Version != nil && *file.Version != 1 {
		return nil, nil, fmt.Errorf("Not supported version field value %d", *file.Version)
	}
	if file.Partitions == nil {
		return nil, nil, errors.New("Missing partitions field")
	}
	var partitions []topicPartition
	var twice []string
	offsets := map[topicPartition]int64{}
	for _, p := range *file.Partitions {
		if p.Topic == nil || p.Partition == nil || p.Offset == nil {
			return nil, nil, errors.New("Each of partitions needs the fields topic, partition and offset")
		}
		tp := topicPartition{*p.Topic, *p.Partition}
		if _, ok := offsets[tp]; ok {
			if !contains(twice, tp.String()) {
				twice = append(twice, tp.String())
			}
			continue
		}
		offsets[tp] = *p.Offset
		partitions = append(partitions, tp)
	}
	if len(twice) > 0 {
		return nil, nil, errors.New("Offset json file contains duplicate topic partitions: " + strings.Join(twice, ","))
	}
	javaOrder(partitions, 16, topicPartition.javaHash)
	return partitions, offsets, nil
}

func (a *admin) deleteRecords(ctx context.Context, partitions []topicPartition,
	offsets map[topicPartition]int64) (map[topicPartition]kmsg.DeleteRecordsResponseTopicPartition, error) {
	known, err := a.knownPartitions(ctx, partitions)
	if err != nil {
		return nil, err
	}
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.TimeoutMillis = requestTimeoutMs
	for _, tp := range partitions {
		if !known[tp] {
			continue
		}
		topic := kmsg.NewDeleteRecordsRequestTopic()
		topic.Topic = tp.topic
		p := kmsg.NewDeleteRecordsRequestTopicPartition()
		p.Partition, p.Offset = tp.partition, offsets[tp]
		topic.Partitions = append(topic.Partitions, p)
		if n := len(request.Topics); n > 0 && request.Topics[n-1].Topic == tp.topic {
			request.Topics[n-1].Partitions = append(request.Topics[n-1].Partitions, p)
			continue
		}
		request.Topics = append(request.Topics, topic)
	}
	results := map[topicPartition]kmsg.DeleteRecordsResponseTopicPartition{}
	for _, tp := range partitions {
		missing := kmsg.NewDeleteRecordsResponseTopicPartition()
		missing.ErrorCode = kerr.UnknownTopicOrPartition.Code
		results[tp] = missing
	}
	if len(request.Topics) == 0 {
		return results, nil
	}
	response, err := call[*kmsg.DeleteRecordsResponse](ctx, a, "deleteRecords", request)
	if err != nil {
		return nil, err
	}
	for _, topic := range response.Topics {
		for _, p := range topic.Partitions {
			results[topicPartition{topic.Topic, p.Partition}] = p
		}
	}
	return results, nil
}

// knownPartitions tells which of the partitions there are: the others have no leader to ask.
func (a *admin) knownPartitions(ctx context.Context, partitions []topicPartition) (map[topicPartition]bool, error) {
	topics := []string{}
	for _, tp := range partitions {
		if !contains(topics, tp.topic) {
			topics = append(topics, tp.topic)
		}
	}
	response, err := a.metadata(ctx, "deleteRecords", topics)
	if err != nil {
		return nil, err
	}
	known := map[topicPartition]bool{}
	for _, topic := range response.Topics {
		for _, p := range topic.Partitions {
			known[topicPartition{*topic.Topic, p.Partition}] = true
		}
	}
	return known, nil
}
