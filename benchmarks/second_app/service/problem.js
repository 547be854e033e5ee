// What is answered instead of what was asked for.

export function problem(statusCode, message) {
  throw Object.assign(new Error(message), { statusCode })
}

export function missing(what) {
  return problem(404, `there is no such ${what}`)
}
