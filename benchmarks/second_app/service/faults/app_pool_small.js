export default {
  summary: 'the pool has too few connections to a database 5 ms away',
  parameter: 'connections',
  default: 2,
  change(parts, value, settings) {
    settings.connections = value
  },
}
