// `node carrier_stub.js PORT`: a service that quotes prices, `GET /quote?weight_g=`; below `/after/MS` it takes so many milliseconds.
// A process of its own, as it is no part of the depot.
import { createServer } from 'node:http'

createServer((request, response) => {
  const asked = new URL(request.url, 'http://carrier')
  const delay = Number(asked.pathname.match(/^\/after\/(\d+)\//)?.[1] ?? 0)
  const price_cents = 390 + Math.ceil(Number(asked.searchParams.get('weight_g')) / 500) * 40
  setTimeout(() => response.end(JSON.stringify({ price_cents })), delay)
}).listen(Number(process.argv[2]), '127.0.0.1')
