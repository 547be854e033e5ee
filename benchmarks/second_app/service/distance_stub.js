// `node distance_stub.js PORT TO_PORT DELAY_MS`: a cable to the database on which each byte travels for a while.
import { connect, createServer } from 'node:net'

const [port, to, delay] = process.argv.slice(2).map(Number)

function carry(from, into) {
  from.on('data', bytes => setTimeout(() => into.destroyed || into.write(bytes), delay / 2))
  from.on('close', () => setTimeout(() => into.destroy(), delay / 2))
  from.on('error', () => into.destroy())
}

createServer({ noDelay: true }, near => {
  const far = connect({ port: to, host: '127.0.0.1', noDelay: true })
  carry(near, far)
  carry(far, near)
}).listen(port, '127.0.0.1')
