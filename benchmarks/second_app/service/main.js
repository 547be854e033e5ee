// `node main.js [--port 8080] [--fault NAME[=VALUE]]...`; `--list` tells the faults as JSON.
// DEPOT_URL is the database as the service's role, DEPOT_OWNER_URL as its owner (faults that change it), DEPOT_CARRIER the quoting service.
import { parseArgs } from 'node:util'
import { build, parts } from './app.js'
import { chosen, everyFault, lay } from './faults/index.js'

const { values } = parseArgs({
  options: { port: { type: 'string', default: '8080' }, fault: { type: 'string', multiple: true, default: [] }, list: { type: 'boolean' } },
})

async function serve() {
  const { DEPOT_URL, DEPOT_OWNER_URL, DEPOT_CARRIER, DEPOT_CONNECTIONS = '10' } = process.env
  const made = parts()
  const settings = { url: DEPOT_URL, carrier: DEPOT_CARRIER, connections: Number(DEPOT_CONNECTIONS) }
  for (const { fault, value } of await chosen(values.fault)) {
    await lay(fault, value, DEPOT_OWNER_URL)
    fault.change?.(made, value, settings)
  }
  const app = build(made, settings)
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop(app))
  await app.listen({ port: Number(values.port), host: '127.0.0.1' })
}

// A pool that has lost connections never closes.
function stop(app) {
  setTimeout(() => process.exit(0), 1000).unref()
  app.close().then(() => process.exit(0))
}

if (values.list) console.log(JSON.stringify(await everyFault()))
else {
  serve().catch(error => {
    console.error(`error: ${error.message}`)
    process.exit(1)
  })
}
