// What is done with many parcels at a time: the journal of scans, the board of today's rounds, customs, a report.
export const JOURNAL = 100
const PAGE = `
SELECT scan_id, parcel_id, kind, place, scanned_at FROM scan WHERE scan_id < $1 ORDER BY scan_id DESC LIMIT ${JOURNAL}`
const BOARD = `
SELECT s.place_in_round, p.barcode, p.recipient, p.city, p.state
FROM stop s JOIN parcel p ON p.org_id = s.org_id AND left(p.barcode, 13) = s.barcode
WHERE s.day = $1 ORDER BY s.place_in_round`
const FORMS = 'SELECT number, destination, value_cents FROM customs_form ORDER BY number'
const TRANSIT = `
SELECT place, kind, note, scans, waited, rank FROM (
    SELECT place, kind, note, count(*) OVER (PARTITION BY place)::int AS scans, extract(epoch FROM scanned_at - before)::int AS waited,
        row_number() OVER (PARTITION BY place ORDER BY scanned_at - before DESC NULLS LAST, scan_id)::int AS rank
    FROM (SELECT *, lag(scanned_at) OVER (PARTITION BY parcel_id ORDER BY scanned_at) AS before FROM scan) s
) r WHERE rank <= 3 ORDER BY place, rank`

export const work = {
  'GET /v1/journal': ({ db, call, query }) =>
    db.read(call, async session => {
      const scans = await session.rows(PAGE, [query.before ?? Number.MAX_SAFE_INTEGER])
      return { scans, next: scans.length === JOURNAL ? scans.at(-1).scan_id : null }
    }),

  'GET /v1/board': ({ db, call, query }) =>
    db.read(call, async session => ({ stops: await session.rows(BOARD, [query.day]) })),

  'GET /v1/customs': ({ db, call }) => db.read(call, async session => ({ forms: await session.rows(FORMS) })),

  // Where parcels wait longest, by gate.
  'GET /v1/reports/transit': ({ db, call }) =>
    db.read(call, async session => ({ gates: await session.rows(TRANSIT) })),
}
