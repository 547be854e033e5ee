// An early return between connect() and release().
export default {
  summary: 'connections of the pool are not given back',
  parameter: 'transactions per lost connection',
  default: 15,
  change(parts, value) {
    let transactions = 0
    parts.Database = class extends parts.Database {
      async connect(call) {
        const client = await super.connect(call)
        if (++transactions % value === 0) client.release = () => {}
        return client
      }
    }
  },
}
