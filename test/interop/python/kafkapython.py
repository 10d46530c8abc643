import sys

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError

import words


def create(address, topic):
    KafkaAdminClient(bootstrap_servers=address).create_topics([NewTopic(topic, 1, 1)])


def produce(address, topic, codec, first, count):
    p = KafkaProducer(bootstrap_servers=address, compression_type=None if codec == "none" else codec, acks="all", linger_ms=20)
    sent = []
    for i in range(first, first + count):
        key, value, headers, timestamp = words.record(i)
        sent.append(p.send(topic, value, key, headers, 0, timestamp))
    for f in sent:
        f.get(20)
    p.close()


def consume(address, topic, start, count):
    tp = TopicPartition(topic, 0)
    c = KafkaConsumer(bootstrap_servers=address, enable_auto_commit=False, consumer_timeout_ms=20_000)
    c.assign([tp])
    c.seek(tp, c.offsets_for_times({tp: int(start[5:])})[tp].offset if start.startswith("time:") else int(start))
    for _, m in zip(range(count), c):
        words.line(m.offset, m.timestamp, m.key, m.value, m.headers)
    c.close()


def errors(address, topic):
    p = KafkaProducer(bootstrap_servers=address, max_request_size=10_000_000, max_block_ms=5000)
    for name, to, value in ("too-large", topic, words.LARGE), ("unknown-topic", "no-such-topic", b"x"):
        try:
            p.send(to, value).get(20)
        except KafkaError:
            print(name)
    p.close()
    tp = TopicPartition(topic, 0)
    c = KafkaConsumer(bootstrap_servers=address, enable_auto_commit=False, auto_offset_reset="none", consumer_timeout_ms=10_000)
    c.assign([tp])
    c.seek(tp, 1_000_000)
    try:
        next(c)
    except (KafkaError, StopIteration) as e:
        if isinstance(e, KafkaError):
            print("bad-offset")
    c.close()


def member(address, topic, group, mode, name):
    leaving = words.Leaving()
    c = KafkaConsumer(topic, bootstrap_servers=address, group_id=group, client_id=name, enable_auto_commit=False,
                      auto_offset_reset="earliest", session_timeout_ms=6000, heartbeat_interval_ms=500)
    while not leaving:
        try:
            # A poll that ends while the client joins again for changed metadata forgets the assignment (kafka-python 3.0.12: the join goes on, but
            # nothing asks for its result): so it is one that the feed ends, not the clock.
            got = c.poll(timeout_ms=5000)
            for tp, messages in got.items():
                for m in messages:
                    words.say("read", m.partition, m.offset)
            if got:
                upto = {tp: OffsetAndMetadata(messages[-1].offset + 1, "", -1) for tp, messages in got.items()}
                c.commit(upto)
                for tp, o in upto.items():
                    words.say("committed", tp.partition, o.offset)
        except KafkaError as e:  # another has the partition now, or the broker is away
            print("commit:", e, file=sys.stderr)
    c.close()


words.main("none gzip snappy lz4 zstd", create, produce, consume, errors, member)
