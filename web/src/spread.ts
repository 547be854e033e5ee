/** The charts whose axis is not time: the distribution of the response time, and its percentile curve. Drawn as SVG, as the page has them. */

import { plain, shortDuration } from "./format";
import { bars, curve, total } from "./histogram";
import type { Counts } from "./histogram";
import { Part } from "./part";
import type { Payload } from "./payload";
import { logSplits } from "./scales";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [620, 220, 62, 14, 12, 26];
const FLOOR = HEIGHT - BOTTOM;
const NINES = 5;
const MARKS: [number, string][] = [[0, "0 %"], [0.30103, "50 %"], [1, "90 %"], [2, "99 %"], [3, "99.9 %"], [4, "99.99 %"], [5, "99.999 %"]];

function node(name: string, css: string, at: Record<string, string | number>, text = ""): SVGElement {
  const element = document.createElementNS(SVG, name);
  element.setAttribute("class", css);
  for (const [key, value] of Object.entries(at)) element.setAttribute(key, String(value));
  element.textContent = text;
  return element;
}

function upright(x: number, text: string): SVGElement[] {
  const css = x > WIDTH - 30 ? "axis end" : "axis middle";
  return [node("path", "grid", { d: `M${x} ${TOP}V${FLOOR}` }), node("text", css, { x, y: HEIGHT - 8 }, text)];
}

function across(y: number, text: string): SVGElement[] {
  return [node("path", "grid", { d: `M${LEFT} ${y}H${WIDTH - RIGHT}` }), node("text", "axis end", { x: LEFT - 6, y: y + 4 }, text)];
}

const place = (share: number): number => LEFT + (WIDTH - LEFT - RIGHT) * share;
const height = (share: number): number => FLOOR - (FLOOR - TOP) * share;

function distribution(counts: Counts): SVGElement[] {
  const fields = bars(counts);
  const low = Math.max(fields[0]![0], 1);
  const high = fields.at(-1)![1];
  const most = Math.max(...fields.map(([, , count]) => count));
  const x = (us: number): number => place(Math.log(Math.max(us, low) / low) / Math.log(Math.max(high / low, 1.2)));
  const grid = [
    ...logSplits(low, high).flatMap((us) => upright(x(us), shortDuration(us / 1e6))),
    ...[0, 1, 2, 3, 4].flatMap((step) => across(height(step / 4), plain((most * step) / 4))),
  ];
  return [
    ...grid,
    ...fields.map(([from, to, count]) =>
      node("rect", "bar", { x: x(from), y: height(count / most), width: Math.max(x(to) - x(from) - 0.6, 0.8), height: FLOOR - height(count / most) }),
    ),
  ];
}

function percentiles(counts: Counts): SVGElement[] {
  const points = curve(counts, NINES);
  const most = points.at(-1)![0] || 1;
  const bottom = 10 ** Math.floor(Math.log10(Math.max(points[0]![1], 1e-6)));
  const top = Math.max(10 ** Math.ceil(Math.log10(points.at(-1)![1] * 1.01)), bottom * 10);
  const y = (value: number): number => height(Math.log(Math.max(value, bottom) / bottom) / Math.log(top / bottom));
  const line = points.map(([at, value]) => `${place(at / most)},${y(value)}`).join(" ");
  return [
    ...logSplits(bottom, top).flatMap((value) => across(y(value), shortDuration(value))),
    ...MARKS.filter(([at]) => at <= most).flatMap(([at, text]) => upright(place(at / most), text)),
    node("polyline", "line vc1", { points: line }),
  ];
}

const DRAWN: Record<string, (counts: Counts) => SVGElement[]> = { distribution, curve: percentiles };

export class Spreads {
  private readonly hosts = [...document.querySelectorAll<HTMLElement>("[data-spread]")];
  private readonly before = new Map<HTMLElement, ChildNode[]>();

  constructor(payload: Payload) {
    if (!payload.slices) this.hosts.length = 0;
    for (const host of this.hosts) this.before.set(host, [...host.childNodes]);
  }

  /** Draws the part of the run, or the whole again. */
  follow(part: Part | null): void {
    const line = part?.all();
    const counts = part && line ? part.counts(line, "response") : null;
    for (const host of this.hosts) {
      const draw = DRAWN[host.dataset["spread"] ?? ""];
      if (!counts || !draw) host.replaceChildren(...this.before.get(host)!);
      else if (!total(counts)) host.replaceChildren("No request ended in this part of the run.");
      else {
        const picture = node("svg", "still", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": "Response time of the chosen part" });
        picture.append(...draw(counts));
        host.replaceChildren(picture);
      }
    }
  }
}
