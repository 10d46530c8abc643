import sys

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import words


def create(address, topic):
    admin = AdminClient({"bootstrap.servers": address})
    for f in admin.create_topics([NewTopic(topic, 1, 1)]).values():
        f.result()


def produce(address, topic, codec, first, count):
    failed = []
    p = Producer({"bootstrap.servers": address, "compression.type": codec, "enable.idempotence": True, "linger.ms": 20})
    for i in range(first, first + count):
        key, value, headers, timestamp = words.record(i)
        p.produce(topic, value, key, 0, headers=headers, timestamp=timestamp, on_delivery=lambda e, _: e and failed.append(e))
    assert p.flush(20) == 0 and not failed, failed


def consumer(address, **more):
    return Consumer({"bootstrap.servers": address, "group.id": "unused", "enable.auto.commit": False, **more})


def consume(address, topic, start, count):
    c = consumer(address)
    if start.startswith("time:"):
        at = c.offsets_for_times([TopicPartition(topic, 0, int(start[5:]))], 10)[0]
    else:
        at = TopicPartition(topic, 0, int(start))
    c.assign([at])
    for _ in range(count):
        m = c.poll(20)
        assert m is not None and not m.error(), m and m.error()
        words.line(m.offset(), m.timestamp()[1], m.key(), m.value(), m.headers())
    c.close()


def errors(address, topic):
    told = []
    p = Producer({"bootstrap.servers": address, "message.max.bytes": 10_000_000, "message.timeout.ms": 5000})
    p.produce(topic, words.LARGE, on_delivery=lambda e, _: e and told.append("too-large"))
    p.flush(20)
    p.produce("no-such-topic", b"x", on_delivery=lambda e, _: e and told.append("unknown-topic"))
    p.flush(20)
    c = consumer(address, **{"auto.offset.reset": "error"})
    c.assign([TopicPartition(topic, 0, 1_000_000)])
    try:
        m = c.poll(20)
        if m is not None and m.error():
            told.append("bad-offset")
    except KafkaException:
        told.append("bad-offset")
    c.close()
    print("\n".join(told))


def member(address, topic, group, mode, name):
    leaving = words.Leaving()
    more = {"group.id": group, "client.id": name, "auto.offset.reset": "earliest"}
    if mode == "consumer":
        more["group.protocol"] = "consumer"
    else:
        more |= {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500}
    if mode == "cooperative":
        more["partition.assignment.strategy"] = "cooperative-sticky"
    c = consumer(address, **more)
    c.subscribe([topic])
    while not leaving:
        m = c.poll(0.2)
        if m is None or m.error():
            continue
        words.say("read", m.partition(), m.offset())
        try:
            for tp in c.commit(m, asynchronous=False):
                if tp.error is None:
                    words.say("committed", tp.partition, tp.offset)
        except KafkaException as e:  # another has the partition now, or the broker is away
            print("commit:", e, file=sys.stderr)
    c.close()


words.main("none gzip snappy lz4 zstd", create, produce, consume, errors, member)
