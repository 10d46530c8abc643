package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const sampleHead = "# A sample configuration of a Milena broker. Keys are Apache Kafka's.\n\n"

const sampleRest = `
# Without advertised.listeners a client is told the address that it reached.
#advertised.listeners=PLAINTEXT://localhost:9092
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT

log.dirs=DATA
num.partitions=1
num.recovery.threads.per.data.dir=1

# Records are written to the page cache; to sync each batch before it is acknowledged:
#log.flush.interval.messages=1

log.retention.hours=168
#log.retention.bytes=1073741824
#log.segment.bytes=1073741824
log.retention.check.interval.ms=300000

# Metrics for Prometheus:
#milena.metrics.listen=localhost:9404
`

// samples are the files of config/ by name, with the names, keys and values that Kafka's own have, since scripts edit them in place.
func samples() map[string]string {
	rest := func(data string) string { return strings.Replace(sampleRest, "DATA", data, 1) }
	quorum := "controller.quorum.bootstrap.servers=localhost:9093\n"
	voters := "controller.quorum.voters=1@localhost:9093\n"
	both := "process.roles=broker,controller\nnode.id=1\n"
	listeners := "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
	client := "bootstrap.servers=localhost:9092\n"
	brokerOnly := sampleHead + "process.roles=broker\nnode.id=2\n"
	controllerOnly := sampleHead + "process.roles=controller\nnode.id=1\n"
	controllerRest := "listeners=CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER\nlog.dirs=/tmp/kraft-controller-logs\n"
	return map[string]string{
		"server.properties":                sampleHead + both + quorum + listeners + rest("/tmp/kraft-combined-logs"),
		"broker.properties":                brokerOnly + quorum + "listeners=PLAINTEXT://localhost:9092\n" + rest("/tmp/kraft-broker-logs"),
		"controller.properties":            controllerOnly + quorum + controllerRest,
		"kraft/server.properties":          sampleHead + both + voters + listeners + rest("/tmp/kraft-combined-logs"),
		"kraft/reconfig-server.properties": sampleHead + both + quorum + listeners + rest("/tmp/kraft-combined-logs"),
		"kraft/broker.properties":          brokerOnly + voters + "listeners=PLAINTEXT://localhost:9092\n" + rest("/tmp/kraft-broker-logs"),
		"kraft/controller.properties":      controllerOnly + voters + controllerRest,
		"producer.properties":              client + "compression.type=none\n",
		"consumer.properties":              client + "group.id=test-consumer-group\n",
	}
}

// writeSamples writes the files that are not there.
func writeSamples(dir string) error {
	for name, text := range samples() {
		f, err := os.OpenFile(filepath.Join(dir, filepath.FromSlash(name)), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = f.WriteString(text)
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
	}
	return nil
}
