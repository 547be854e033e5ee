/** Which lines each chart of the report draws. The figures themselves, with heading and caption, are in the page. */

import type { Unit } from "./format";
import type { Column, Limit, Payload } from "./payload";

export interface Line {
  key: string;
  label: string;
  values: Column;
  /** CSS custom property. */
  colour: string;
  width?: number;
  dash?: number[];
  /** Written beside the end of the line, so that colour is not the only way to tell lines apart. */
  short?: string;
  stepped?: boolean;
  bars?: boolean;
  /** Drawn against the right axis. */
  right?: boolean;
  hidden?: boolean;
}

export interface Figure {
  unit: Unit;
  lines: Line[];
  limits: Limit[];
  stacked?: "bars" | "areas";
  /** Present where the reader may switch between a linear and a logarithmic axis. */
  scale?: "linear" | "log";
}

const STACK = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7"];
const MOST_BANDS = STACK.length;
const PHASE_COLOURS: Record<string, string> = { blocked: "--c5", dns: "--c7", connect: "--c2", tls: "--c4", send: "--c6", wait: "--c1", receive: "--c3" };

const has = (values: Column | undefined): values is Column => values?.some((value) => value !== null) ?? false;
const moves = (values: Column | undefined): boolean => values?.some((value) => value !== null && value !== 0) ?? false;

type Draft = Omit<Line, "values">;

function lines(payload: Payload, drafts: Draft[]): Line[] {
  return drafts.flatMap((draft) => {
    const values = payload.timeline[draft.key];
    return Array.isArray(values) && has(values) ? [{ ...draft, values }] : [];
  });
}

/** The biggest bands by sum, in the order of the document; the rest added up as one. */
function bands(columns: Record<string, Column>, colours: Record<string, string> = {}): Line[] {
  const sum = (values: Column): number => values.reduce<number>((total, value) => total + (value ?? 0), 0);
  const present = Object.entries(columns).filter(([, values]) => moves(values));
  const kept = new Set(
    [...present]
      .sort(([, a], [, b]) => sum(b) - sum(a))
      .slice(0, present.length > MOST_BANDS ? MOST_BANDS - 1 : MOST_BANDS)
      .map(([name]) => name),
  );
  const rest = present.filter(([name]) => !kept.has(name)).map(([, values]) => values);
  const shown = present.filter(([name]) => kept.has(name));
  const length = rest[0]?.length ?? 0;
  if (rest.length) shown.push([`${rest.length} others`, Array.from({ length }, (_, at) => rest.reduce((all, values) => all + (values[at] ?? 0), 0))]);
  return shown.map(([name, values], at) => ({ key: name, label: name.replaceAll("_", " ").slice(0, 60), values, colour: colours[name] ?? STACK[at]! }));
}

const BUILDERS: Record<string, (payload: Payload) => Figure> = {
  iterations: (payload) => ({
    unit: "per_s",
    limits: [],
    lines: lines(payload, [
      { key: "offered", label: "offered", short: "offered", colour: "--c5", width: 4, stepped: true },
      { key: "started", label: "started", short: "started", colour: "--c1", width: 1.75, stepped: true },
      { key: "completed", label: "completed", short: "completed", colour: "--c2", width: 1.5, dash: [5, 3] },
    ]).filter((line) => line.key !== "offered" || moves(line.values)),
  }),
  requests: (payload) => ({
    unit: "per_s",
    limits: [],
    lines: lines(payload, [
      { key: "requests", label: "ended", short: "ended", colour: "--c5", width: 4 },
      { key: "throughput", label: "throughput (without failure)", short: "throughput", colour: "--c3", width: 1.75 },
    ]),
  }),
  response: (payload) => ({
    unit: "s",
    scale: "linear",
    limits: payload.limits["response"] ?? [],
    lines: lines(payload, [
      { key: "response_p50", label: "p50", short: "p50", colour: "--c3", width: 1.5 },
      { key: "response_p95", label: "p95", short: "p95", colour: "--c1", width: 2 },
      { key: "response_p99", label: "p99", short: "p99", colour: "--c4", width: 1.5, dash: [6, 3] },
      { key: "service_p95", label: "service p95", colour: "--c5", width: 1.25, dash: [2, 3], hidden: true },
    ]),
  }),
  failures: (payload) => ({ unit: "per_s", limits: [], stacked: "bars", lines: bands(payload.timeline.failure_kinds) }),
  delay: (payload) => ({
    unit: "s",
    scale: "log",
    limits: payload.limits["start_delay"] ?? [],
    lines: lines(payload, [
      { key: "start_delay_p50", label: "p50", short: "p50", colour: "--c3", width: 1.5 },
      { key: "start_delay_p99", label: "p99", short: "p99", colour: "--c1", width: 2 },
      { key: "start_delay_max", label: "max", short: "max", colour: "--c4", width: 1.25, dash: [6, 3] },
    ]),
  }),
  vus: (payload) => ({
    unit: "count",
    limits: [],
    lines: lines(payload, [
      { key: "dropped", label: "dropped iterations (right axis)", colour: "--c2", bars: true, right: true },
      { key: "vus", label: "busy VUs", colour: "--c1", width: 1.75, stepped: true },
    ]).filter((line) => line.key !== "dropped" || moves(line.values)),
  }),
  phases: (payload) => ({ unit: "s", limits: [], stacked: "areas", lines: bands(payload.timeline.phases_s, PHASE_COLOURS) }),
};

/** The chart of that id, or null where the run has nothing to draw. */
export function figure(id: string, payload: Payload): Figure | null {
  const built = BUILDERS[id]?.(payload);
  return built && built.lines.length && payload.timeline.second.length ? built : null;
}
