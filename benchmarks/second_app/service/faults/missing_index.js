export default {
  summary: 'scans have no index by parcel',
  parameter: '',
  default: 1,
  lay: () => 'DROP INDEX scan_of_parcel',
}
