// Package metrics counts what the broker does and shows it to Prometheus. Names follow Kafka's MBeans
// (kafka.server:type=BrokerTopicMetrics,name=MessagesInPerSec is kafka_server_brokertopicmetrics_messagesin_total).
//
// The hot path holds pointers to its counters (Topic, Request, Listener) and adds to plain atomics; nothing is looked up, formatted or
// locked there. Everything else happens when somebody scrapes. There is no global registry: the broker makes one with New and hands
// it along. Metrics.mu guards the maps of topics and listeners and the list of gauges. The package imports nothing of Milena.
package metrics
