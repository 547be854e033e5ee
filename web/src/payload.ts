/** What the page carries for its script: the run over time, and table rows beyond those in the page. */

export type Column = (number | null)[];

export interface Timeline {
  second: number[];
  failure_kinds: Record<string, Column>;
  phases_s: Record<string, Column>;
  [name: string]: Column | Record<string, Column>;
}

export interface Limit {
  label: string;
  value: number;
}

export interface Mark {
  number: number;
  second: number;
  text: string;
}

/** Text, value to sort by (null sorts last), class names. */
export type Cell = [text: string, value: number | string | null, css: string];

export interface Payload {
  timeline: Timeline;
  /** Seconds that one point of the timeline covers. */
  step_s: number;
  /** Length of the load; what lies behind it are its last requests. */
  load_s: number | null;
  limits: Record<string, Limit[]>;
  marks: Mark[];
  /** Rows by table id. */
  more_rows: Record<string, Cell[][]>;
}

/** Unpacks the gzipped, base64-coded JSON of the element; throws where the browser cannot. */
export async function unpack(holder: HTMLElement): Promise<Payload> {
  const packed = Uint8Array.from(atob(holder.textContent.trim()), (char) => char.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text()) as Payload;
}
