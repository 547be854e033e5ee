export default {
  summary: 'every writing transaction first counts itself in one row for all orgs, and holds it to its end',
  parameter: 'rows that share the counting',
  default: 1,
  lay: rows => `
CREATE TABLE depot_total (slot integer PRIMARY KEY, writes bigint NOT NULL);
INSERT INTO depot_total SELECT slot, 0 FROM generate_series(1, ${rows}) AS slot;
GRANT SELECT, UPDATE ON depot_total TO depot_api`,
  change(parts, rows) {
    let turn = 0
    parts.Database = class extends parts.Database {
      write(call, work) {
        return super.write(call, async session => {
          await session.rows('UPDATE depot_total SET writes = writes + 1 WHERE slot = $1', [1 + (turn++ % rows)])
          return work(session)
        })
      }
    }
  },
}
