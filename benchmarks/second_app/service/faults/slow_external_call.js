export default {
  summary: 'the service that quotes prices is slow',
  parameter: 'milliseconds per call',
  default: 250,
  change(parts, milliseconds, settings) {
    settings.carrier = `${settings.carrier}/after/${milliseconds}`
  },
}
