#!/usr/bin/env bash
# What a test harness written for Apache Kafka's scripts does, word by word, with nothing that knows Milena: harness.sh KAFKA_HOME PORT
# CONTROLLER_PORT.
set -euo pipefail
export KAFKA_HOME=$1 KAFKA_HEAP_OPTS='-Xmx256m -Xms256m' KAFKA_JVM_PERFORMANCE_OPTS='-XX:+UseG1GC' KAFKA_OPTS='-Dx=y' JMX_PORT=
port=$2 server=127.0.0.1:$2 controller=127.0.0.1:$3
cd "$KAFKA_HOME"
fail() { echo "harness: $*" >&2; tail -n 50 logs/server.log >&2 || true; exit 1; }
within() { # within SECONDS COMMAND…: again and again until it succeeds
  local end=$((SECONDS + $1)); shift
  until "$@"; do ((SECONDS < end)) || fail "not within time: $*"; read -rt 0.02 <> <(:) || true; done
}
same() { [[ $1 == "$2" ]] || fail "got '$1', want '$2'"; }

sed -i -e "s|^log.dirs=.*|log.dirs=$KAFKA_HOME/data|" -e "s|^listeners=.*|listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://$controller|" \
  -e "s|^advertised.listeners=.*|advertised.listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://$controller|" \
  -e "s|^controller.quorum.bootstrap.servers=.*|controller.quorum.bootstrap.servers=$controller|" config/server.properties

id=$(bin/kafka-storage.sh random-uuid)
same ${#id} 22
bin/kafka-storage.sh format -t "$id" -c config/server.properties --standalone > format.txt
grep -q "^Formatting .*$KAFKA_HOME/data" format.txt || fail "format says $(cat format.txt)"
grep -q "^cluster.id=$id$" data/meta.properties || fail 'no cluster id in meta.properties'
if bin/kafka-storage.sh format -t "$id" -c config/server.properties --standalone > again.txt 2>&1; then fail 'formatted twice'; fi
bin/kafka-storage.sh format -t "$id" -c config/server.properties --standalone --ignore-formatted > again.txt

start() {
  : > logs/server.log
  bin/kafka-server-start.sh -daemon config/server.properties --override num.partitions=2
  within 20 grep -q 'Kafka Server started' logs/server.log
}
stop() {
  bin/kafka-server-stop.sh
  within 20 grep -q 'shut down completed' logs/server.log
  within 20 bash -c "! (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null"
}
mkdir -p logs
start
trap 'bin/kafka-server-stop.sh > /dev/null 2>&1 || true' EXIT

same "$(bin/kafka-cluster.sh cluster-id --bootstrap-server "$server")" "Cluster ID: $id"
bin/kafka-broker-api-versions.sh --bootstrap-server "$server" | grep -q 'Produce(0)' || fail 'no Produce among the API versions'
same "$(bin/kafka-topics.sh --bootstrap-server "$server" --create --topic orders --partitions 1 --replication-factor 1)" 'Created topic orders.'
same "$(bin/kafka-topics.sh --bootstrap-server "$server" --list)" orders
if bin/kafka-topics.sh --bootstrap-server "$server" --create --topic orders > twice.txt 2>&1; then fail 'created twice'; fi
grep -q "Topic 'orders' already exists" twice.txt || fail "$(cat twice.txt)"
bin/kafka-topics.sh --bootstrap-server "$server" --create --if-not-exists --topic defaults > /dev/null
bin/kafka-topics.sh --bootstrap-server "$server" --describe --topic defaults | grep -q 'PartitionCount: 2' || fail 'the override is not in force'

seq 1 1000 | bin/kafka-console-producer.sh --bootstrap-server "$server" --topic orders > /dev/null
read_all() { bin/kafka-console-consumer.sh --bootstrap-server "$server" --topic orders --partition 0 --offset earliest --max-messages "$1" 2> consumer.txt; }
same "$(read_all 1000 | md5sum)" "$(seq 1 1000 | md5sum)"
grep -q 'Processed a total of 1000 messages' consumer.txt || fail "$(cat consumer.txt)"
same "$(bin/kafka-get-offsets.sh --bootstrap-server "$server" --topic orders)" orders:0:1000
same "$(bin/kafka-run-class.sh org.apache.kafka.tools.GetOffsetShell --bootstrap-server "$server" --topic orders --time earliest)" orders:0:0

stop
[[ -f data/.kafka_cleanshutdown ]] || fail 'no marker of a clean stop'
nothing_to_stop() { if bin/kafka-server-stop.sh > nothing.txt; then return 1; fi; }
within 20 nothing_to_stop # the process ends a moment after it has said so
same "$(cat nothing.txt)" 'No kafka server to stop'
bin/kafka-dump-log.sh --files data/orders-0/00000000000000000000.log --print-data-log | grep -q 'payload: 1000$' || fail 'dump-log shows no last record'

start
seq 1001 1500 | bin/kafka-console-producer.sh --bootstrap-server "$server" --topic orders > /dev/null
same "$(read_all 1500 | md5sum)" "$(seq 1 1500 | md5sum)"
bin/kafka-configs.sh --bootstrap-server "$server" --alter --entity-type topics --entity-name orders --add-config retention.ms=1000 > /dev/null
bin/kafka-configs.sh --bootstrap-server "$server" --describe --entity-type topics --entity-name orders | grep -q 'retention.ms=1000' || fail 'no such config'
bin/kafka-producer-perf-test.sh --topic defaults --num-records 1000 --record-size 100 --throughput -1 \
  --producer-props bootstrap.servers="$server" acks=all | grep -q '^1000 records sent' || fail 'no figures of the producer'
bin/kafka-topics.sh --bootstrap-server "$server" --delete --topic orders
same "$(bin/kafka-topics.sh --bootstrap-server "$server" --list)" defaults
stop
trap - EXIT
