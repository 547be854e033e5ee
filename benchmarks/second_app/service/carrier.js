// What the depot knows of the world outside: a service that quotes prices.
import { Agent, request } from 'node:http'

const agent = new Agent({ keepAlive: true })

/** What a parcel costs, by the service at `url`. */
export function quote(url, weight) {
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/quote?weight_g=${weight}`, { agent, timeout: 10_000 }, answer => {
      const chunks = []
      answer.on('data', chunk => chunks.push(chunk))
      answer.on('end', () => resolve(JSON.parse(Buffer.concat(chunks))))
      answer.on('error', reject)
    })
    asked.on('timeout', () => asked.destroy(new Error('the carrier is silent')))
    asked.on('error', reject)
    asked.end()
  })
}
