// The connection pool, and transactions that see exactly one org.
import pg from 'pg'

pg.types.setTypeParser(pg.types.builtins.INT8, Number)

const BEGIN = { read: 'BEGIN READ ONLY', write: 'BEGIN' }

/** A transaction; every statement carries its route and org as a comment (https://google.github.io/sqlcommenter/spec/). */
class Session {
  constructor(client, call) {
    this.client = client
    this.call = call
    const tags = { application: 'depot', org: call.org, route: call.route }
    const told = Object.entries(tags).map(([name, value]) => `${name}='${encodeURIComponent(value)}'`)
    this.comment = ` /*${told.join(',')}*/`
  }

  /** All rows of a statement. */
  async rows(text, values = []) {
    const answer = await this.call.clock.during('db', this.client.query(text + this.comment, values))
    return answer.rows
  }

  /** The first row, or undefined. */
  async row(text, values) {
    return (await this.rows(text, values))[0]
  }
}

export class Database {
  constructor({ url, connections }) {
    this.pool = new pg.Pool({ connectionString: url, max: connections, connectionTimeoutMillis: 5000, application_name: 'depot' })
    this.pool.on('error', () => {}) // an idle connection that the server closed; the pool opens another one
  }

  /** Rows of a transaction that only reads. */
  read(call, work) {
    return this.transaction(call, 'read', work)
  }

  write(call, work) {
    return this.transaction(call, 'write', work)
  }

  async transaction(call, how, work) {
    const client = await this.connect(call)
    const session = new Session(client, call)
    try {
      await this.begin(session, how)
      const answer = await work(session)
      await session.rows('COMMIT')
      client.release()
      return answer
    } catch (error) {
      await client.query('ROLLBACK').then(() => client.release(), broken => client.release(broken))
      throw error
    }
  }

  connect(call) {
    return call.clock.during('pool', this.pool.connect())
  }

  async begin(session, how) {
    await session.rows(BEGIN[how])
    await session.rows("SELECT set_config('request.jwt.claims', $1, true)", [JSON.stringify({ org: session.call.org })])
  }

  close() {
    return this.pool.end()
  }
}
