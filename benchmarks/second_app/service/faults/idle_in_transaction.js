// A path through a handler that neither commits nor rolls back.
export default {
  summary: 'some reading transactions are not ended',
  parameter: 'reading transactions per one that stays open',
  default: 15,
  change(parts, value) {
    let transactions = 0
    parts.Database = class extends parts.Database {
      read(call, work) {
        return ++transactions % value === 0 ? this.forgotten(call, work) : super.read(call, work)
      }

      forgotten(call, work) {
        return super.read(call, async session => {
          const answer = await work(session)
          const rows = session.rows.bind(session)
          session.rows = async (text, values) => (text === 'COMMIT' ? [] : rows(text, values))
          session.client.release = () => {}
          return answer
        })
      }
    }
  },
}
