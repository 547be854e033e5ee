export default {
  summary: 'work_mem is too small for the report, which sorts all scans of an org',
  parameter: 'kilobytes of work_mem',
  default: 64,
  // For this database alone: its copy goes, the role stays.
  lay: kilobytes => `
DO $$ BEGIN EXECUTE format('ALTER ROLE depot_api IN DATABASE %I SET work_mem = ''${kilobytes}kB''', current_database()); END $$`,
}
