// CRC-32, a bit at a time.
function checksum(body, rounds) {
  let crc = ~0
  for (let round = 0; round < rounds; round++) {
    for (let index = 0; index < body.length; index++) {
      crc ^= body.charCodeAt(index)
      for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
    }
  }
  return (~crc >>> 0).toString(16)
}

export default {
  summary: 'every answer gets a checksum, computed in JavaScript bit by bit',
  parameter: 'rounds of the checksum',
  default: 15,
  change({ answered }, rounds) {
    answered.push((request, reply, body) => {
      if (request.call.org && typeof body === 'string') reply.header('x-checksum', checksum(body, rounds))
    })
  },
}
