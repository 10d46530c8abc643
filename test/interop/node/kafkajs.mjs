import kafkajs from 'kafkajs'
import snappy from 'kafkajs-snappy'
import { main, line, record, within, LARGE } from './words.mjs'

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
  // kafkajs reads in groups only: here each reading is a group of its own.
  async consume(address, topic, start, count) {
    const kafka = client(address)
    if (start.startsWith('time:')) {
      const admin = kafka.admin()
      await admin.connect()
      start = (await admin.fetchTopicOffsetsByTimestamp(topic, start.slice(5)))[0].offset
      await admin.disconnect()
    }
    const c = kafka.consumer({ groupId: `reader-${process.pid}-${Date.now()}`, maxWaitTimeInMs: 200 })
    await c.connect()
    await c.subscribe({ topics: [topic], fromBeginning: true })
    await within(20_000, new Promise(resolve => {
      let n = 0
      c.run({
        autoCommit: false,
        eachMessage: async ({ message: m }) => {
          if (n++ < count) line(m.offset, m.timestamp, m.key, m.value, Object.entries(m.headers))
          if (n === +count) resolve()
        }
      })
      c.seek({ topic, partition: 0, offset: start })
    }))
    await c.disconnect()
  },
  async member(address, topic, group, mode, name) {
    const kafka = new Kafka({
      clientId: name, brokers: [address], logLevel: logLevel.ERROR, logCreator: () => ({ log }) => console.error(log.message, log.error ?? ''),
      retry: { retries: 100, initialRetryTime: 100, maxRetryTime: 500 }
    })
    const c = kafka.consumer({ groupId: group, sessionTimeout: 6000, heartbeatInterval: 500, maxWaitTimeInMs: 200 })
    await c.connect()
    await c.subscribe({ topics: [topic], fromBeginning: true })
    process.on('SIGTERM', () => c.disconnect().then(() => process.exit(0)))
    await c.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        console.log(`read ${partition} ${message.offset}`)
        const offset = String(BigInt(message.offset) + 1n)
        await c.commitOffsets([{ topic, partition, offset }])
        console.log(`committed ${partition} ${offset}`)
      }
    })
  },
  async errors(address, topic) {
    await withProducer(address, async p => {
      for (const [name, to, value] of [['too-large', topic, LARGE], ['unknown-topic', 'no-such-topic', 'x']]) {
        try { await within(15_000, p.send({ topic: to, messages: [{ value }] })) } catch { console.log(name) }
      }
    })
  }
})
