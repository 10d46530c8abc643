import zlib from 'node:zlib'
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'
import { main, line, record, within, LARGE } from './words.mjs'

const base = address => ({ clientId: 'platformatic', bootstrapBrokers: [address], retries: 2, timeout: 10_000 })

// Node has zstd from version 22.15 on.
await main('none gzip snappy lz4' + (zlib.zstdCompressSync ? ' zstd' : ''), {
  async create(address, topic) {
    const admin = new Admin(base(address))
    await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 })
    await admin.close()
  },
  async produce(address, topic, codec, first, count) {
    const p = new Producer({ ...base(address), serializers: stringSerializers, compression: codec, idempotent: true })
    await p.send({
      messages: Array.from({ length: +count }, (_, k) => {
        const r = record(+first + k)
        return { topic, partition: 0, key: r.key, value: r.value, headers: { n: r.n }, timestamp: BigInt(r.timestamp) }
      })
    })
    await p.close()
  },
  // It reads in groups only: here each reading is a group of its own.
  async consume(address, topic, start, count) {
    const c = new Consumer({ ...base(address), groupId: `reader-${process.pid}-${Date.now()}`, deserializers: stringDeserializers, maxWaitTime: 200 })
    if (start.startsWith('time:')) {
      start = (await c.listOffsets({ topics: [topic], partitions: { [topic]: [0] }, timestamp: BigInt(start.slice(5)) })).get(topic)[0]
    }
    const stream = await c.consume({ topics: [topic], mode: 'manual', offsets: [{ topic, partition: 0, offset: BigInt(start) }], autocommit: false })
    let n = 0
    for await (const m of stream) {
      line(m.offset, m.timestamp, m.key, m.value, [...m.headers])
      if (++n === +count) break
    }
    await c.close(true)
  },
  async member(address, topic, group, mode, name) {
    const protocol = mode === 'consumer' ? { groupProtocol: 'consumer' } : { sessionTimeout: 6000, rebalanceTimeout: 6000, heartbeatInterval: 500 }
    const c = new Consumer({
      ...base(address), clientId: name, retries: 100, retryDelay: 200, groupId: group, deserializers: stringDeserializers, maxWaitTime: 200, ...protocol
    })
    const stream = await c.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest', autocommit: false })
    process.on('SIGTERM', () => c.close(true).then(() => process.exit(0)))
    for await (const m of stream) {
      console.log(`read ${m.partition} ${m.offset}`)
      try {
        await m.commit()
        console.log(`committed ${m.partition} ${m.offset + 1n}`)
      } catch (e) { // another has the partition now, or the broker is away
        console.error('commit:', e.message)
      }
    }
  },
  async errors(address, topic) {
    const p = new Producer({ ...base(address), serializers: stringSerializers, autocreateTopics: false })
    for (const [name, to, value] of [['too-large', topic, LARGE], ['unknown-topic', 'no-such-topic', 'x']]) {
      try { await within(15_000, p.send({ messages: [{ topic: to, partition: 0, value }] })) } catch { console.log(name) }
    }
    await p.close()
  }
})
process.exit(0)
