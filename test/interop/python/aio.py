import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

import words


async def create(address, topic):
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()


async def produce(address, topic, codec, first, count):
    p = AIOKafkaProducer(bootstrap_servers=address, compression_type=None if codec == "none" else codec, enable_idempotence=True, linger_ms=20)
    await p.start()
    sent = []
    for i in range(first, first + count):
        key, value, headers, timestamp = words.record(i)
        sent.append(await p.send(topic, value, key, 0, timestamp, headers))
    await asyncio.gather(*sent)
    await p.stop()


async def consume(address, topic, start, count):
    tp = TopicPartition(topic, 0)
    c = AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False)
    await c.start()
    c.assign([tp])
    c.seek(tp, (await c.offsets_for_times({tp: int(start[5:])}))[tp].offset if start.startswith("time:") else int(start))
    for _ in range(count):
        m = await asyncio.wait_for(c.getone(), 20)
        words.line(m.offset, m.timestamp, m.key, m.value, m.headers)
    await c.stop()


async def errors(address, topic):
    p = AIOKafkaProducer(bootstrap_servers=address, max_request_size=10_000_000, request_timeout_ms=5000)
    await p.start()
    for name, to, value in ("too-large", topic, words.LARGE), ("unknown-topic", "no-such-topic", b"x"):
        try:
            await asyncio.wait_for(p.send_and_wait(to, value), 20)
        except (KafkaError, asyncio.TimeoutError):
            print(name)
    await p.stop()
    tp = TopicPartition(topic, 0)
    c = AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False, auto_offset_reset="none")
    await c.start()
    c.assign([tp])
    c.seek(tp, 1_000_000)
    try:
        await asyncio.wait_for(c.getone(), 20)
    except KafkaError:
        print("bad-offset")
    await c.stop()


async def member(address, topic, group, mode, name):
    leaving = words.Leaving()
    c = AIOKafkaConsumer(topic, bootstrap_servers=address, group_id=group, client_id=name, enable_auto_commit=False,
                         auto_offset_reset="earliest", session_timeout_ms=6000, heartbeat_interval_ms=500)
    await c.start()
    while not leaving:
        try:
            got = await c.getmany(timeout_ms=200)
            for tp, messages in got.items():
                for m in messages:
                    words.say("read", m.partition, m.offset)
            if got:
                upto = {tp: messages[-1].offset + 1 for tp, messages in got.items()}
                await c.commit(upto)
                for tp, offset in upto.items():
                    words.say("committed", tp.partition, offset)
        except KafkaError as e:  # another has the partition now, or the broker is away
            print("commit:", e, file=sys.stderr)
    await c.stop()


def now(f):
    return lambda *a: asyncio.run(f(*a))


words.main("none gzip snappy lz4 zstd", now(create), now(produce), now(consume), now(errors), now(member))
