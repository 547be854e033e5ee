// Figures for Prometheus: those of Node.js under prom-client's own names, the pool, the requests.
import { Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

const POOL = {
  pg_pool_total: ['Connections that are open', pool => pool.totalCount],
  pg_pool_idle: ['Open connections that nobody uses', pool => pool.idleCount],
  pg_pool_waiting: ['Requests that wait for a connection', pool => pool.waitingCount],
  pg_pool_max: ['Connections that may be open', pool => pool.options.max],
}

/** A registry over `pool`, and `observe(route, status, seconds)`. */
export function metricsOf(pool) {
  const register = new Registry()
  collectDefaultMetrics({ register })
  for (const [name, [help, value]] of Object.entries(POOL)) {
    new Gauge({ name, help, registers: [register], collect() { this.set(value(pool)) } })
  }
  const requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time to answer a request',
    labelNames: ['route', 'status'],
    registers: [register],
  })
  return { register, observe: (route, status, seconds) => requests.observe({ route, status }, seconds) }
}
