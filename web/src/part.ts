/** The chosen part of a run, and what each figure of a table comes to in it. */

import { millis, percent, plainly } from "./format";
import { add, highestValue, quantile, total } from "./histogram";
import type { Counts } from "./histogram";
import type { Payload, SliceLine, Slices } from "./payload";

export interface Figures {
  text: string;
  value: number | null;
}

const NOTHING: Figures = { text: "–", value: null };
const QUANTILES: Record<string, number> = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99, "p99.9": 0.999 };
/** Fewest samples that bound a percentile from above with 95 % confidence. */
const NEEDED: Record<string, number> = { p50: 5, p90: 29, p95: 59, p99: 299, "p99.9": 2995 };

/** Whole slices from `first` up to `last`, excluded. */
export class Part {
  readonly from: number;
  readonly to: number;
  private readonly loaded: number;
  private readonly slices: Slices;

  constructor(payload: Payload, private readonly first: number, private readonly last: number) {
    this.slices = payload.slices!;
    this.from = first * this.slices.step_s;
    this.to = Math.min(last * this.slices.step_s, (payload.second.at(-1) ?? 0) + payload.step_s);
    this.loaded = Math.max(Math.min(last * this.slices.step_s, payload.load_s ?? Infinity) - this.from, 0);
  }

  /** The part that covers these seconds; null for the whole run. */
  static covering(payload: Payload, from: number, to: number): Part | null {
    const { step_s: step, count } = payload.slices!;
    const first = Math.min(Math.max(Math.floor(from / step), 0), count - 1);
    const last = Math.max(Math.min(Math.ceil(to / step), count), first + 1);
    return first === 0 && last === count ? null : new Part(payload, first, last);
  }

  holds(second: number): boolean {
    return second >= this.from && second < this.to;
  }

  line(number: number): SliceLine | null {
    return this.slices.lines[number] ?? null;
  }

  sum(line: SliceLine | null, name: string): number | null {
    const values = line?.counts[name];
    return values ? values.slice(this.first, this.last).reduce((all, value) => all + value, 0) : null;
  }

  /** The histogram of a time; `service` is stored as what differs from `response`. */
  counts(line: SliceLine, name: string): Counts {
    const counts: Counts = new Map();
    for (const times of name === "service" ? ["response", "service"] : [name]) {
      for (const cell of (line.times?.[times] ?? []).slice(this.first, this.last)) add(counts, cell);
    }
    return counts;
  }

  longestUs(line: SliceLine, name: string): number {
    const values = line.longest_us?.[name];
    return values ? Math.max(...values.slice(this.first, this.last)) : Infinity;
  }

  all(): SliceLine | null {
    return this.line(this.slices.all);
  }

  private rate(count: number | null): Figures {
    return count === null || !this.loaded ? NOTHING : plainly(count / this.loaded);
  }

  private share(some: number | null, whole: number | null): Figures {
    return some === null || !whole ? NOTHING : { text: percent(some / whole), value: some / whole };
  }

  private count(value: number | null): Figures {
    return value === null ? NOTHING : plainly(value);
  }

  private time(line: SliceLine | null, name: string, stat: string): Figures {
    if (!line?.times?.[name]) return NOTHING;
    const longest = this.longestUs(line, name);
    const counts = this.counts(line, name);
    const n = total(counts);
    if (stat === "n") return plainly(n);
    if (!n) return NOTHING;
    if (stat === "max") return { text: millis(longest / 1e6), value: longest / 1e6 };
    const q = QUANTILES[stat];
    if (q === undefined) return NOTHING;
    const us = quantile(counts, q, longest);
    return us === null ? NOTHING : { text: (n < NEEDED[stat]! ? "≈" : "") + millis(us / 1e6), value: us / 1e6 };
  }

  /** A figure of a metric of the scripts, of that kind. */
  private measured(line: SliceLine, kind: string, stat: string): Figures {
    const n = this.sum(line, "n") ?? 0;
    const known = (name: string): number[] => (line.values?.[name] ?? []).slice(this.first, this.last).filter((value) => value !== null);
    if (!n) return NOTHING;
    const sum = known("sum").reduce((all, value) => all + value, 0);
    const isCounted = kind === "counter" || kind === "rate";
    if (stat === "value") return kind === "counter" ? plainly(sum) : kind === "rate" ? this.share(sum, n) : plainly(kind === "gauge" ? known("last").at(-1)! : sum / n);
    if (stat === "per_s") return kind === "counter" ? this.rate(sum) : NOTHING;
    if (stat === "min" || stat === "max") return isCounted ? NOTHING : plainly(Math[stat](...known(stat)));
    const value = kind === "trend" ? quantile(this.counts(line, "metric"), QUANTILES[stat]!, Math.max(...known("max")), highestValue) : null;
    return value === null ? NOTHING : plainly(value);
  }

  /** A figure of a row; null where the column does not follow the part. */
  figure(name: string, line: SliceLine | null, iterations: SliceLine | null, times: string): Figures | null {
    const sum = (key: string): number | null => this.sum(line, key);
    const checks = (): number | null => (sum("passes") === null ? null : sum("passes")! + sum("fails")!);
    switch (name) {
      case "":
        return null;
      case "throughput":
        return this.rate(sum("good"));
      case "offered":
        return this.sum(iterations, "due") ? this.rate(this.sum(iterations, "due")) : NOTHING;
      case "began":
        return this.rate(this.sum(iterations, "started"));
      case "failed_share":
        return this.share(sum("failures"), sum("requests"));
      case "passed_share":
        return this.share(sum("passes"), checks());
      case "of_failures":
        return this.share(sum("count"), this.sum(this.all(), "failures"));
      case "of_requests":
        return this.share(sum("requests"), this.sum(this.all(), "requests"));
    }
    const [kind, ...rest] = name.split(".");
    if (kind === "metric") return line ? this.measured(line, times, rest.join(".")) : NOTHING;
    return rest.length ? this.time(line, kind === "times" ? times : kind!, rest.join(".")) : this.count(sum(name));
  }
}
