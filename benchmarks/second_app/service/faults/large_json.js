const FORMS = 'SELECT number, destination, value_cents, form FROM customs_form ORDER BY number'

export default {
  summary: 'the list of customs forms selects the whole documents',
  parameter: 'kilobytes per document',
  default: 60,
  lay: kilobytes => `
WITH document AS MATERIALIZED (
    SELECT jsonb_agg(jsonb_build_object('line', i, 'goods', repeat(md5(i::text), 7))) AS whole
    FROM generate_series(1, ${Math.max(Math.round(kilobytes * 4), 1)}) AS i
)
UPDATE customs_form SET form = whole FROM document;
ANALYZE customs_form`,
  change({ routes }) {
    routes['GET /v1/customs'] = ({ db, call }) => db.read(call, async session => ({ forms: await session.rows(FORMS) }))
  },
}
