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
			Doc: "The client addresses of an external etcd, comma-separated, http://host:port, https://host:port or host:port; empty for the etcd embedded in the broker.",
		}, {
			Name: "milena.coordination.etcd.prefix", Type: TypeString, Default: "/milena", HasDefault: true, Honoured: true, Importance: "low",
			Doc: "The prefix of this cluster's keys in an external etcd. Clusters that share one differ in it.",
		}, {
			Name: "milena.coordination.etcd.cacert", Type: TypeString, Default: "", HasDefault: true, Honoured: true, Importance: "medium",
			Doc: "A file in PEM with the certificates by which the servers of an external etcd are known, for endpoints that begin with https; empty for those that the system trusts.",
		}, {
			Name: "milena.coordination.etcd.cert", Type: TypeString, Default: "", HasDefault: true, Honoured: true, Importance: "medium",
			Doc: "A file in PEM with our certificate, where the servers of an external etcd ask for one. One that is swapped in place counts from the next connection on.",
		}, {
			Name: "milena.coordination.etcd.key", Type: TypeString, Default: "", HasDefault: true, Honoured: true, Importance: "medium",
			Doc: "A file in PEM with the private key of milena.coordination.etcd.cert; empty where that file holds it too.",
		}, {
			Name: "milena.coordination.etcd.user", Type: TypeString, Default: "", HasDefault: true, Honoured: true, Importance: "medium",
			Doc: "The user that an external etcd knows us by; empty for none. It needs to read and write the keys below milena.coordination.etcd.prefix.",
		}, {
			Name: "milena.coordination.etcd.password", Type: TypePassword, Default: "", HasDefault: true, Honoured: true, Importance: "medium",
			Doc: "The password of milena.coordination.etcd.user.",
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
