// Parcels: a list by time, one of them with its scans, a search, and what happens to them.
import { missing } from '../problem.js'

export const COLUMNS = 'p.parcel_id, p.barcode, p.state, p.weight_g, p.recipient, p.city, p.booked_at'
export const PAGE = 50
const LIST = `
SELECT ${COLUMNS}, l.kind AS last_scan
FROM (SELECT * FROM parcel WHERE booked_at < $1 ORDER BY booked_at DESC, parcel_id DESC LIMIT ${PAGE}) p
LEFT JOIN LATERAL (SELECT kind FROM scan s WHERE s.parcel_id = p.parcel_id ORDER BY scanned_at DESC LIMIT 1) l ON true
ORDER BY p.booked_at DESC, p.parcel_id DESC`
const SCANS = 'SELECT kind, place, note, scanned_at FROM scan WHERE parcel_id = $1 ORDER BY scanned_at DESC LIMIT 20'
const COUNT = 'UPDATE tally SET amount = amount + $2 WHERE what = $1'

/** A parcel by its id; a problem 404 when the org has none such. */
async function parcelOf(session, id) {
  const parcel = await session.row(`SELECT ${COLUMNS}, p.price_cents FROM parcel p WHERE parcel_id = $1`, [id])
  return parcel ?? missing('parcel')
}

export const parcels = {
  'GET /v1/parcels': ({ db, call, query }) =>
    db.read(call, async session => ({ parcels: await session.rows(LIST, [query.before ?? 'infinity']) })),

  'GET /v1/parcels/:id': ({ db, call, params }) =>
    db.read(call, async session => {
      const parcel = await parcelOf(session, params.id)
      return { ...parcel, scans: await session.rows(SCANS, [params.id]) }
    }),

  'GET /v1/find': ({ db, call, query }) =>
    db.read(call, async session => ({
      parcels: await session.rows(`SELECT ${COLUMNS} FROM parcel p WHERE recipient ILIKE $1 ORDER BY recipient LIMIT 20`, [`%${query.q}%`]),
    })),

  'POST /v1/parcels/:id/scans': ({ db, call, params, body }) =>
    db.write(call, async session => {
      await parcelOf(session, params.id)
      await session.rows('UPDATE parcel SET state = $2 WHERE parcel_id = $1', [params.id, body.state])
      await scanned(session, params.id, body)
      await session.rows(COUNT, ['scans', 1])
      return { state: body.state }
    }),

  'POST /v1/parcels/:id/quote': async ({ db, call, params, quote }) => {
    const parcel = await db.read(call, session => parcelOf(session, params.id))
    const { price_cents } = await call.clock.during('ext', quote(parcel.weight_g))
    await db.write(call, session =>
      session.rows('UPDATE parcel SET price_cents = $2 WHERE parcel_id = $1', [params.id, price_cents]),
    )
    return { price_cents }
  },

  // A bag of parcels, each of them booked as it falls out of the bag.
  'POST /v1/bags': ({ db, call, body }) =>
    db.write(call, async session => {
      const ids = []
      for (const parcel of body.parcels) ids.push(await booked(session, call.org, parcel))
      await session.rows(COUNT, ['parcels', ids.length])
      await session.rows(COUNT, ['bags', 1])
      return { parcels: ids }
    }),
}

async function booked(session, org, { barcode, recipient, city, weight_g }) {
  const { parcel_id } = await session.row(
    `INSERT INTO parcel (parcel_id, org_id, barcode, state, weight_g, recipient, city, booked_at)
    VALUES (gen_random_uuid(), $1, $2, 'booked', $3, $4, $5, now()) RETURNING parcel_id`,
    [org, barcode, weight_g, recipient, city],
  )
  await scanned(session, parcel_id, { kind: 'arrived', place: 'gate 1' })
  return parcel_id
}

function scanned(session, parcel, { kind, place }) {
  return session.rows(
    `INSERT INTO scan (org_id, parcel_id, kind, place, scanned_at) VALUES ($1, $2, $3, $4, now())`,
    [session.call.org, parcel, kind, place],
  )
}
