// Where the time of a request goes, told to whoever asked as Server-Timing.

export class Clock {
  began = performance.now()
  parts = { pool: 0, db: 0, ext: 0 }

  /** Await `work`; the time it takes is that of `part`. */
  async during(part, work) {
    const began = performance.now()
    try {
      return await work
    } finally {
      this.parts[part] += performance.now() - began
    }
  }

  header() {
    const total = performance.now() - this.began
    const elsewhere = Object.values(this.parts).reduce((sum, ms) => sum + ms, 0)
    const told = { ...this.parts, app: Math.max(total - elsewhere, 0) }
    return Object.entries(told).map(([part, ms]) => `${part};dur=${ms.toFixed(2)}`).join(', ')
  }
}
