export default {
  summary: 'every writing transaction first takes the one lock of the depot',
  parameter: 'locks',
  default: 1,
  change(parts, locks) {
    let turn = 0
    parts.Database = class extends parts.Database {
      write(call, work) {
        return super.write(call, async session => {
          await session.rows('SELECT pg_advisory_xact_lock(7301, $1)', [turn++ % locks])
          return work(session)
        })
      }
    }
  },
}
