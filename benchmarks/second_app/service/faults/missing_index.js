export default {
  summary: 'scans have no index by org: its journal is looked for in those of all orgs',
  parameter: '',
  default: 1,
  lay: () => 'DROP INDEX scan_journal',
}
