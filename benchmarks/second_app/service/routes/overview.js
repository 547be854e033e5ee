// The page that everybody sees first.
const COUNTS = `
SELECT (SELECT count(*) FROM parcel WHERE state = 'out')::int AS out, (SELECT count(*) FROM parcel WHERE state = 'booked')::int AS booked,
    (SELECT count(*) FROM courier WHERE on_duty)::int AS couriers`

export const overview = {
  'GET /v1/overview': ({ db, call }) =>
    db.read(call, async session => {
      const org = await session.row('SELECT handle, title FROM org')
      const counts = await session.row(COUNTS)
      const tallies = await session.rows('SELECT what, amount FROM tally ORDER BY what')
      return { ...org, ...counts, tallies: Object.fromEntries(tallies.map(({ what, amount }) => [what, amount])) }
    }),
}
