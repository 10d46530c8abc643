import kafkajs from 'kafkajs'
import snappy from 'kafkajs-snappy'
import { main, record, within, LARGE } from './words.mjs'

const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = kafkajs
CompressionCodecs[CompressionTypes.Snappy] = snappy
const codecs = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy }
const client = address => new Kafka({ brokers: [address], logLevel: logLevel.NOTHING, retry: { retries: 2 } })

async function withProducer(address, f) {
  const p = client(address).producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false })
  await p.connect()
  try { await f(p) } finally { await p.disconnect() }
}

await main('none gzip snappy', {
  async create(address, topic) {
    const admin = client(address).admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }], waitForLeaders: true })
    await admin.disconnect()
  },
  produce: (address, topic, codec, first, count) => withProducer(address, async p => {
    const messages = Array.from({ length: +count }, (_, k) => {
      const r = record(+first + k)
      return { key: r.key, value: r.value, headers: { n: r.n }, timestamp: String(r.timestamp), partition: 0 }
    })
    await p.send({ topic, compression: codecs[codec], acks: -1, messages })
  }),
  // kafkajs reads in groups only, so reading is not asked of it before groups are served.
  async errors(address, topic) {
    await withProducer(address, async p => {
      for (const [name, to, value] of [['too-large', topic, LARGE], ['unknown-topic', 'no-such-topic', 'x']]) {
        try { await within(15_000, p.send({ topic: to, messages: [{ value }] })) } catch { console.log(name) }
      }
    })
  }
})
