// A synchronous client, made of an asynchronous one as libraries do it: a worker asks, and the event loop sleeps until it has the answer.
import { Worker } from 'node:worker_threads'

const CLIENT = `
const { parentPort, workerData } = require('node:worker_threads')
const done = new Int32Array(workerData.shared)
parentPort.on('message', async () => {
  await fetch(workerData.url).then(answer => answer.json(), () => null)
  Atomics.add(done, 0, 1)
  Atomics.notify(done, 0)
})`
const PATIENCE_MS = 10_000

export default {
  summary: 'the overview asks another service with a synchronous client',
  parameter: 'milliseconds that the other service takes',
  default: 25,
  change({ routes }, milliseconds, settings) {
    const done = new Int32Array(new SharedArrayBuffer(4))
    const url = `${settings.carrier}/after/${milliseconds}/quote?weight_g=1`
    const worker = new Worker(CLIENT, { eval: true, workerData: { shared: done.buffer, url } })
    const overview = routes['GET /v1/overview']
    routes['GET /v1/overview'] = visit => {
      const before = Atomics.load(done, 0)
      worker.postMessage('ask')
      Atomics.wait(done, 0, before, PATIENCE_MS)
      return overview(visit)
    }
  },
}
