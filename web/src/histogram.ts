/** Histograms of slices: 32 buckets to a doubling of microseconds, as `tenantry.results.slices` makes them. */

const HALF = 32;
const EIGHTH = HALF / 8;

export type Counts = Map<number, number>;

/** Adds a slice's histogram (distances and counts in turn) to the counts. */
export function add(counts: Counts, cell: number[]): void {
  let bucket = 0;
  for (let at = 0; at < cell.length; at += 2) {
    bucket += cell[at]!;
    counts.set(bucket, (counts.get(bucket) ?? 0) + cell[at + 1]!);
  }
}

export function lowestUs(bucket: number): number {
  return bucket < 2 * HALF ? bucket : ((bucket % HALF) + HALF) * 2 ** (Math.floor(bucket / HALF) - 1);
}

export function highestUs(bucket: number): number {
  return bucket < 2 * HALF ? bucket : ((bucket % HALF) + HALF + 1) * 2 ** (Math.floor(bucket / HALF) - 1) - 1;
}

export function total(counts: Counts): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}

const sorted = (counts: Counts): [number, number][] => [...counts].filter(([, count]) => count > 0).sort(([a], [b]) => a - b);

const double = new DataView(new ArrayBuffer(8));

/** The highest value of a bucket of a metric in any unit: sign, exponent and five bits of the mantissa of a double, 0 around zero. */
export function highestValue(bucket: number): number {
  if (bucket === 0) return 0;
  double.setBigUint64(0, bucket > 0 ? ((BigInt(bucket) + 1n) << 47n) - 1n : BigInt(-bucket) << 47n);
  return Math.sign(bucket) * double.getFloat64(0);
}

/** The highest value of the bucket with rank ceil(q * n), by default in microseconds, at most `longest`; null without a value. */
export function quantile(counts: Counts, q: number, longest: number, highest = highestUs): number | null {
  const n = total(counts);
  if (n <= 0) return null;
  const rank = Math.max(1, Math.ceil(q * n - 1e-9));
  let seen = 0;
  for (const [bucket, count] of sorted(counts)) {
    seen += count;
    if (seen >= rank) return Math.min(highest(bucket), longest);
  }
  return longest;
}

/** Counts in buckets of 8 to a doubling: lowest and highest microsecond of each, and its count. */
export function bars(counts: Counts): [low: number, high: number, count: number][] {
  const found = new Map<number, number>();
  for (const [bucket, count] of sorted(counts)) {
    const coarse = bucket < 2 * HALF ? bucket : bucket - (bucket % EIGHTH);
    found.set(coarse, (found.get(coarse) ?? 0) + count);
  }
  return [...found].map(([bucket, count]) => [lowestUs(bucket), bucket < 2 * HALF ? bucket + 1 : lowestUs(bucket + EIGHTH), count]);
}

/** Points of the percentile curve: -log10(1 - q), and the quantile q in seconds. */
export function curve(counts: Counts, most: number): [place: number, seconds: number][] {
  const n = total(counts);
  let seen = 0;
  const points: [number, number][] = sorted(counts).map(([bucket, count]) => {
    const place = Math.min(-Math.log10(1 - seen / n), most);
    seen += count;
    return [place, highestUs(bucket) / 1e6];
  });
  const end = points.at(-1);
  if (end) points.push([Math.max(n > 1 ? Math.min(Math.log10(n), most) : 1, end[0]), end[1]]);
  return points;
}
