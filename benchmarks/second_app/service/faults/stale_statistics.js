export default {
  summary: "stops were analysed before today's were planned; autovacuum is off",
  parameter: '',
  default: 1,
  // The statistics know one day alone, and expect a single stop of any other.
  lay: () => `
ALTER TABLE stop SET (autovacuum_enabled = off);
CREATE TEMPORARY TABLE today AS SELECT * FROM stop WHERE day = '2026-01-05';
DELETE FROM stop WHERE day = '2026-01-05';
ANALYZE stop;
INSERT INTO stop SELECT * FROM today`,
}
