/** What the charts draw beside their lines: limits, events, and the names at the end of lines. */

import type uPlot from "uplot";
import { show } from "./format";
import type { Figure, Heat, Line, Payload } from "./payload";
import { colour } from "./theme";

const LABEL_GAP = 12;

export function font(pixels: number): string {
  return `${pixels}px ${getComputedStyle(document.body).fontFamily}`;
}

/** Dashed horizontal lines with their text, where they lie inside the scale. */
export function drawLimits(chart: uPlot, figure: Figure): void {
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio;
  const scale = chart.scales["y"]!;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour("--limit");
  ctx.lineWidth = 1.5 * ratio;
  ctx.setLineDash([7 * ratio, 4 * ratio]);
  ctx.font = font(11 * ratio);
  ctx.textAlign = "left";
  ctx.textBaseline = "bottom";
  for (const limit of figure.limits) {
    if (limit.value < (scale.min ?? 0) || limit.value > (scale.max ?? 0)) continue;
    const y = chart.valToPos(limit.value, "y", true);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.fillText(`${limit.label} ${show(limit.value, figure.unit)}`, bbox.left + 12 * ratio, y - 3 * ratio);
  }
  ctx.restore();
}

/** A band over the time after the load, in which only its last requests ended. A point stands in the middle of its time. */
export function drawAfter(chart: uPlot, payload: Payload): void {
  const { ctx, bbox } = chart;
  const max = chart.scales["x"]!.max ?? 0;
  const end = payload.load_s === null ? max : payload.load_s - payload.step_s / 2;
  if (end >= max) return;
  const from = Math.max(bbox.left, chart.valToPos(end, "x", true));
  ctx.save();
  ctx.fillStyle = colour("--raised");
  ctx.fillRect(from, bbox.top, bbox.left + bbox.width - from, bbox.height);
  ctx.restore();
}

const HALF = 8;
const DARKEST = 7;

function lowestS(row: number): number {
  return Math.max(row < 2 * HALF ? row : ((row % HALF) + HALF) * 2 ** (Math.floor(row / HALF) - 1), 1) / 1e6;
}

/** How dark a field is, from 1 to 7, by the power 0.4 of its share of the fullest: one request can be seen beside ten thousand. */
function intensity(count: number, most: number): number {
  return Math.max(DARKEST * (count / most) ** 0.4, 1);
}

/** A field for each row and step of time; a point of the charts stands in the middle of its time. */
export function drawHeat(chart: uPlot, heat: Heat, payload: Payload): void {
  const { ctx, bbox } = chart;
  const shift = payload.step_s / 2;
  const most = Math.max(1, ...heat.columns.flatMap((column) => column.map(([, count]) => count)));
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.fillStyle = colour("--c1");
  heat.columns.forEach((column, at) => {
    const left = Math.round(chart.valToPos(at * heat.step_s - shift, "x", true));
    const right = Math.round(chart.valToPos((at + 1) * heat.step_s - shift, "x", true));
    if (right < bbox.left || left > bbox.left + bbox.width) return;
    for (const [row, count] of column) {
      const top = Math.round(chart.valToPos(lowestS(row + 1), "y", true));
      const bottom = Math.round(chart.valToPos(lowestS(row), "y", true));
      ctx.globalAlpha = 0.1 + (0.9 * intensity(count, most)) / DARKEST;
      ctx.fillRect(left, top, Math.max(right - left, 1), Math.max(bottom - top, 1));
    }
  });
  ctx.restore();
}

/** From the lowest to the highest field. */
export function heatRange(heat: Heat): [number, number] {
  const rows = heat.columns.flatMap((column) => column.map(([row]) => row));
  return rows.length ? [lowestS(Math.min(...rows)), lowestS(Math.max(...rows) + 1)] : [1e-3, 1];
}

/** A numbered upright line for each event. */
export function drawMarks(chart: uPlot, payload: Payload): void {
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio;
  const { min, max } = chart.scales["x"]!;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour("--muted");
  ctx.lineWidth = ratio;
  ctx.font = font(10 * ratio);
  ctx.textAlign = "center";
  ctx.textBaseline = "bottom";
  for (const mark of payload.marks) {
    const at = mark.second - payload.step_s / 2;
    if (at < (min ?? 0) || at > (max ?? 0)) continue;
    const x = chart.valToPos(at, "x", true);
    ctx.setLineDash([2 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(String(mark.number), x, bbox.top - ratio);
  }
  ctx.restore();
}

interface End {
  text: string;
  colour: string;
  y: number;
}

function ends(chart: uPlot, lines: Line[]): End[] {
  const [, last] = chart.series[0]!.idxs ?? [0, 0];
  return lines.flatMap((line, at) => {
    if (!line.short || !chart.series[at + 1]?.show) return [];
    for (let index = last; index >= 0; index--) {
      const value = chart.data[at + 1]?.[index];
      if (typeof value === "number") return [{ text: line.short, colour: colour(line.colour), y: chart.valToPos(value, "y", true) }];
    }
    return [];
  });
}

/** The name of each line beside its end, moved apart where they would overlap. */
export function drawEnds(chart: uPlot, lines: Line[]): void {
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio;
  const placed = ends(chart, lines).sort((a, b) => a.y - b.y);
  for (let at = 1; at < placed.length; at++) placed[at]!.y = Math.max(placed[at]!.y, placed[at - 1]!.y + LABEL_GAP * ratio);
  let floor = bbox.top + bbox.height;
  for (const end of placed.reverse()) {
    end.y = Math.min(end.y, floor);
    floor = end.y - LABEL_GAP * ratio;
  }
  ctx.save();
  ctx.font = font(11 * ratio);
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  for (const end of placed) {
    ctx.fillStyle = end.colour;
    ctx.fillText(end.text, bbox.left + bbox.width + 6 * ratio, end.y);
  }
  ctx.restore();
}
