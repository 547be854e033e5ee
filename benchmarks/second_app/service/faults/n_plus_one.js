import { COLUMNS, PAGE } from '../routes/parcels.js'

const LIST = `SELECT ${COLUMNS} FROM parcel p WHERE booked_at < $1 ORDER BY booked_at DESC, parcel_id DESC LIMIT ${PAGE}`
const LAST = 'SELECT kind FROM scan WHERE parcel_id = $1 ORDER BY scanned_at DESC LIMIT 1'

export default {
  summary: 'the list of parcels asks for the last scan of each parcel alone',
  parameter: 'queries per parcel',
  default: 1,
  change({ routes }, value) {
    routes['GET /v1/parcels'] = ({ db, call, query }) =>
      db.read(call, async session => {
        const parcels = await session.rows(LIST, [query.before ?? 'infinity'])
        for (const parcel of parcels) {
          for (let turn = 0; turn < value; turn++) parcel.last_scan = (await session.row(LAST, [parcel.parcel_id]))?.kind ?? null
        }
        return { parcels }
      })
  },
}
