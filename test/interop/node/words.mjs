// What the Node clients of the interop suite share; see README.md.
// Node before version 22 lacks it, and a client needs it.
Promise.withResolvers ??= () => {
  let resolve, reject
  const promise = new Promise((a, b) => { resolve = a; reject = b })
  return { promise, resolve, reject }
}

export const BASE = Number(process.env.BASE_MS)
export const LARGE = 'x'.repeat(2_000_000)
export const record = i => ({ key: `key-${i}`, value: i % 5 === 0 ? '' : `value-${i}`, n: String(i), timestamp: BASE + i })
export const line = (offset, timestamp, key, value, headers) =>
  console.log([offset, timestamp, key, value, ...headers.map(([k, v]) => `${k}=${v}`)].join('\t'))
export const within = (ms, promise) =>
  Promise.race([promise, new Promise((_, reject) => setTimeout(() => reject(new Error('no answer in time')), ms).unref())])

export async function main(codecs, words) {
  const [address, word, topic, ...rest] = process.argv.slice(2)
  if (address === 'codecs') return console.log(codecs)
  await words[word](address, topic, ...rest)
}
