package config

// FirstGeneratedID is the id of a broker that was given none: node 1 of a cluster of one, as Kafka's own samples have it.
// (Kafka with ZooKeeper counts generated ids from reserved.broker.max.id + 1.) Where meta.properties of a log directory names
// an id, that one holds; see Broker.BrokerIDGenerated.
const FirstGeneratedID = 1

// milenaKeys are the keys that Kafka does not have.
func milenaKeys() []Key {
	return []Key{
		{
			Name: "milena.metrics.listen", Type: TypeString, Default: "", HasDefault: true, Honoured: true, Importance: "medium",
			Doc: "The address, host:port, where metrics are served at /metrics in the Prometheus text format; empty for none.",
		}, {
			Name: "milena.log.format", Type: TypeString, Default: "auto", HasDefault: true, Honoured: true, Importance: "low",
			Allowed: "[auto, text, json]",
			Doc:     "How the broker writes its own log: text, json (one object a line), or auto: text.",
		}, {
			Name: "milena.log.level", Type: TypeString, Default: "info", HasDefault: true, Honoured: true, Importance: "low",
			Allowed: "[debug, info, warn, error]", Dynamic: PerBroker,
			Doc: "The least level of the broker's own log that is written: debug, info, warn, error.",
		}, {
			Name: "milena.coordination.etcd.endpoints", Type: TypeList, Default: "", HasDefault: true, Honoured: true, Importance: "high",
			Doc: "The client addresses of an external etcd, comma-separated, host:port or a URL; empty for the etcd embedded in the broker.",
		}, {
			Name: "milena.zookeeper.user", Type: TypeString, Default: "", HasDefault: true, Honoured: true, Importance: "medium",
			Doc: "The user that ZooKeeper's scheme digest knows us by; empty for none.",
		}, {
			Name: "milena.zookeeper.password", Type: TypePassword, Default: "", HasDefault: true, Honoured: true, Importance: "medium",
			Doc: "The password of milena.zookeeper.user.",
		}, {
			Name: "milena.zookeeper.jute.maxbuffer", Type: TypeInt, Default: "1048575", HasDefault: true, Honoured: true, Importance: "low",
			Allowed: "[65536,...]",
			Doc:     "The jute.maxbuffer of ZooKeeper's servers, in bytes: larger requests are not sent. Answers may have 64 MiB.",
		}, {
			Name: "milena.cluster.id", Type: TypeString, Honoured: true, Importance: "low",
			Doc: "The id that a new cluster is given. Without it, the one in meta.properties of the log directories holds, or a random one.",
		},
	}
}
