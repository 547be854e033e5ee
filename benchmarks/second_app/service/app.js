// The service. It knows no fault: what goes wrong is done to its parts before they are put together.
import Fastify from 'fastify'
import { quote } from './carrier.js'
import { Clock } from './clock.js'
import { Database } from './db.js'
import { metricsOf } from './metrics.js'
import { problem } from './problem.js'
import { overview } from './routes/overview.js'
import { parcels } from './routes/parcels.js'
import { work } from './routes/work.js'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
// A full pool, a lock that took too long, a server that is going or full: somebody else's fault, and worth another try.
const PASSING = /^(08|40|53|55|57)|timeout exceeded when trying to connect/

const TAKEN = '23505'

function statusOf({ code, message }) {
  if (code === TAKEN) return 409
  return PASSING.test(code ?? message) ? 503 : 500
}

/** What the service is made of; `answered` are told each body before it is sent. */
export function parts() {
  return { Database, quote, routes: { ...overview, ...parcels, ...work }, answered: [] }
}

/** The service over its parts. */
export function build({ Database, quote, routes, answered }, settings) {
  const app = Fastify({ logger: false })
  const db = new Database(settings)
  const metrics = metricsOf(db.pool)
  const visitOf = request => ({ db, call: request.call, query: request.query, params: request.params, body: request.body })

  app.decorateRequest('call', null)
  app.addHook('onRequest', async request => {
    request.call = { clock: new Clock(), route: request.routeOptions.url ?? 'unknown', org: request.headers['x-org'] }
  })
  app.addHook('onSend', async (request, reply, body) => {
    for (const tell of answered) tell(request, reply, body)
    reply.header('server-timing', request.call.clock.header())
    metrics.observe(request.call.route, reply.statusCode, (performance.now() - request.call.clock.began) / 1000)
    return body
  })
  app.setErrorHandler((error, request, reply) => {
    const status = error.statusCode ?? statusOf(error)
    if (status === 500) console.error(request.call.route, error)
    return reply.code(status).send({ error: error.message })
  })
  app.addHook('onClose', () => db.close())

  app.get('/healthz', async () => ({ status: 'ok' }))
  app.get('/metrics', async (request, reply) => reply.type(metrics.register.contentType).send(await metrics.register.metrics()))
  for (const [name, handler] of Object.entries(routes)) {
    const [method, url] = name.split(' ')
    const answer = request => {
      if (!UUID.test(request.call.org)) problem(401, 'the gateway passes no org on')
      return handler({ ...visitOf(request), quote: weight => quote(settings.carrier, weight) })
    }
    app.route({ method, url, handler: answer })
  }
  return app
}
