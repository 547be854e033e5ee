/** What the page carries for its script: the run over time, table rows beyond those in the page, slices to work tables out of again. */

import type { Unit } from "./format";

export type Column = (number | null)[];

export interface Limit {
  label: string;
  value: number;
}

export interface Mark {
  number: number;
  second: number;
  text: string;
}

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

/** A chart on the axis of time; heading and caption are in the page. */
export interface Figure {
  id: string;
  unit: Unit;
  rightUnit: Unit;
  lines: Line[];
  limits: Limit[];
  stacked?: "bars" | "areas";
  /** Present where the reader may switch between a linear and a logarithmic axis. */
  scale?: "linear" | "log";
  /** Draws the heatmap below the lines. */
  heat?: boolean;
}

/** Pairs of a row and the requests in it, for each `step_s` seconds; 8 rows to a doubling of microseconds. */
export interface Heat {
  step_s: number;
  columns: [row: number, count: number][][];
}

/** What a row of a table is made of: values per slice; histograms as distances of buckets and counts in turn. */
export interface SliceLine {
  counts: Record<string, number[]>;
  times?: Record<string, number[][]>;
  longest_us?: Record<string, number[]>;
  /** Of a metric of the scripts: sum, least, greatest and last value. */
  values?: Record<string, (number | null)[]>;
}

export interface Slices {
  step_s: number;
  count: number;
  lines: SliceLine[];
  /** The line of all requests. */
  all: number;
}

/** How a table follows the chosen part: the figure of each column; for each row its line, that of its iterations, its times (-1, "": none). */
export interface BrushTable {
  figures: string[];
  rows: [line: number, iterations: number, times: string][];
  /** The column of seconds by which rows are left out instead. */
  moment: number | null;
}

/** Text, value to sort by (null sorts last), class names. */
export type Cell = [text: string, value: number | string | null, css: string];

export interface Payload {
  second: number[];
  /** Seconds that one point of the charts covers. */
  step_s: number;
  /** Length of the load; what lies behind it are its last requests. */
  load_s: number | null;
  charts: Figure[];
  heat: Heat | null;
  marks: Mark[];
  /** Rows by table id. */
  more_rows: Record<string, Cell[][]>;
  slices: Slices | null;
  brush: Record<string, BrushTable>;
}

/** Unpacks the gzipped, base64-coded JSON of the element; throws where the browser cannot. */
export async function unpack(holder: HTMLElement): Promise<Payload> {
  const packed = Uint8Array.from(atob(holder.textContent.trim()), (char) => char.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text()) as Payload;
}
