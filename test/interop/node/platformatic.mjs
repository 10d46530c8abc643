import zlib from 'node:zlib'
import { Admin, Producer, stringSerializers } from '@platformatic/kafka'
import { main, record, within, LARGE } from './words.mjs'

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
  async errors(address, topic) {
    const p = new Producer({ ...base(address), serializers: stringSerializers, autocreateTopics: false })
    for (const [name, to, value] of [['too-large', topic, LARGE], ['unknown-topic', 'no-such-topic', 'x']]) {
      try { await within(15_000, p.send({ messages: [{ topic: to, partition: 0, value }] })) } catch { console.log(name) }
    }
    await p.close()
  }
})
process.exit(0)
