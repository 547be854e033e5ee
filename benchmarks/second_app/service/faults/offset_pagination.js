import { JOURNAL } from '../routes/work.js'

const PAGE = `SELECT scan_id, parcel_id, kind, place, scanned_at FROM scan ORDER BY scan_id DESC LIMIT ${JOURNAL} OFFSET $1`

export default {
  summary: 'the pages of the journal are found with OFFSET',
  parameter: '',
  default: 1,
  change({ routes }) {
    routes['GET /v1/journal'] = ({ db, call, query }) =>
      db.read(call, async session => {
        const offset = Number(query.before ?? 0)
        const scans = await session.rows(PAGE, [offset])
        return { scans, next: scans.length === JOURNAL ? offset + JOURNAL : null }
      })
  },
}
