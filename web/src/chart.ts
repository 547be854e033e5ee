/** One chart: uPlot with our axes, legend, limits and event marks; redrawn on new colours, width or scale. */

import uPlot from "uplot";
import { drawAfter, drawEnds, drawHeat, drawLimits, drawMarks, font, heatRange } from "./drawing";
import { moment, ticks } from "./format";
import { Legend } from "./legend";
import type { Figure, Line, Payload } from "./payload";
import { linearRange, logRange, logSplits, stackedUp, timeSteps, wholeSteps } from "./scales";
import { colour, tint } from "./theme";

const SYNC = "run";
const HEIGHT = 232;
const AXIS_WIDTH = 58;
const FEW_POINTS = 40;
/** Pixels that fit A4 and letter paper, where one chart or two stand side by side: the page is laid out only after the drawing. */
const PAPER_WIDTH = { wide: 690, narrow: 335 };

/** Moves the cursor of this chart and of those in step with it; uPlot's own types leave out the last argument. */
function moveCursor(plot: uPlot, left: number, top: number): void {
  (plot.setCursor as (at: { left: number; top: number }, fire: boolean, publish: boolean) => void)({ left, top }, true, true);
}

export class Chart {
  private plot: uPlot;
  private log: boolean;
  private readonly legend: Legend;
  private readonly box = document.createElement("div");
  private readonly spoken = document.createElement("p");
  private readonly seconds: number[];

  constructor(host: HTMLElement, private readonly figure: Figure, private readonly payload: Payload, private readonly zoomed: () => void) {
    this.log = figure.scale === "log";
    this.seconds = payload.second;
    this.legend = new Legend(figure, (line, shown) => {
      this.plot.setSeries(line + 1, { show: shown });
      this.updateLegend();
    });
    this.box.className = "plot";
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "group");
    this.box.setAttribute("aria-label", `${host.dataset["label"] ?? "Chart"}. Arrow keys move through the run.`);
    this.box.addEventListener("keydown", (event) => this.onKey(event));
    this.spoken.className = "sr";
    this.spoken.setAttribute("aria-live", "polite");
    host.replaceChildren(this.box, this.legend.element, this.spoken);
    this.plot = this.draw();
    new ResizeObserver(() => this.fit()).observe(this.box);
  }

  isLog(): boolean {
    return this.log;
  }

  setLog(log: boolean): void {
    this.log = log;
    this.redraw();
  }

  showWholeRun(): void {
    this.plot.setData(this.plot.data);
  }

  isZoomed(): boolean {
    const { min, max } = this.plot.scales["x"]!;
    const [left, right] = this.ends();
    return (min ?? left) > left || (max ?? right) < right;
  }

  /** What is shown, on the axis of time. */
  range(): [number, number] {
    const { min, max } = this.plot.scales["x"]!;
    const [left, right] = this.ends();
    return [min ?? left, max ?? right];
  }

  /** Zooms all charts: they follow one another. */
  zoomTo(min: number, max: number): void {
    this.plot.setScale("x", { min, max });
  }

  redraw(printing = false): void {
    const { min, max } = this.plot.scales["x"]!;
    const zoomed = this.isZoomed();
    this.plot.destroy();
    this.plot = this.draw(printing);
    if (zoomed && min !== undefined && max !== undefined) this.plot.setScale("x", { min, max });
  }

  private fit(): void {
    const width = this.box.clientWidth;
    if (width && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
  }

  /** The run from the left edge of its first point to the right edge of its last. */
  private ends(): [number, number] {
    const half = this.payload.step_s / 2;
    return [(this.seconds[0] ?? 0) - half, (this.seconds.at(-1) ?? 0) + half];
  }

  private width(printing: boolean): number {
    if (printing) return this.box.closest(".wide") ? PAPER_WIDTH.wide : PAPER_WIDTH.narrow;
    return Math.max(this.box.clientWidth, 200);
  }

  private draw(printing = false): uPlot {
    const { lines, stacked } = this.figure;
    // A stack is drawn from its full height down to its first band, each over the one before.
    const columns = stacked ? stackedUp(lines.map((line) => line.values)).reverse() : lines.map((line) => this.drawable(line));
    const order = stacked ? [...lines].reverse() : lines;
    return new uPlot(
      {
        width: this.width(printing),
        height: HEIGHT,
        padding: [14, lines.some((line) => line.right) ? 0 : lines.some((line) => line.short) ? 70 : 14, 0, 0],
        legend: { show: false },
        cursor: {
          sync: { key: SYNC, scales: ["x", null] },
          drag: { x: true, y: false, dist: 5 },
          focus: { prox: -1 },
          points: { show: !stacked, size: 7 },
        },
        scales: this.scales(),
        axes: this.axes(),
        series: [{}, ...order.map((line) => this.series(line))],
        hooks: {
          setCursor: [() => this.updateLegend()],
          setScale: [
            (_, key) => {
              if (key !== "x") return;
              this.updateLegend();
              this.zoomed();
            },
          ],
          drawClear: [(plot) => drawAfter(plot, this.payload), (plot) => this.drawBelow(plot), (plot) => drawMarks(plot, this.payload)],
          draw: [(plot) => drawLimits(plot, this.figure), (plot) => drawEnds(plot, lines)],
        },
      },
      [this.seconds, ...columns] as uPlot.AlignedData,
      this.box,
    );
  }

  private drawBelow(plot: uPlot): void {
    if (this.figure.heat && this.payload.heat) drawHeat(plot, this.payload.heat, this.payload);
  }

  private drawable(line: Line): (number | null)[] {
    return this.log && !line.right ? line.values.map((value) => (value === null ? null : Math.max(value, 1e-6))) : line.values;
  }

  private scales(): uPlot.Scales {
    const limits = this.figure.limits.map((limit) => limit.value);
    const fixed = this.figure.heat && this.payload.heat ? heatRange(this.payload.heat) : null;
    const y: uPlot.Scale = this.log
      ? { distr: 3, log: 10, range: (_, low, high) => fixed ?? logRange(low, high, limits) }
      : { range: (_, __, high) => linearRange(high, limits) };
    const [left, right] = this.ends();
    const first = this.seconds[0];
    const last = this.seconds.at(-1);
    const x: uPlot.Scale = { time: false, range: (_, low, high) => (first === last || (low === first && high === last) ? [left, right] : [low, high]) };
    return { x, y, y2: { range: (_, __, high) => linearRange(high, []) } };
  }

  private axes(): uPlot.Axis[] {
    const ink = colour("--muted");
    const grid = { stroke: colour("--grid"), width: 1 };
    const common = { stroke: ink, font: font(11), ticks: { ...grid, size: 4 }, grid };
    const { unit } = this.figure;
    const log = this.log;
    const whole = this.figure.lines.every((line) => line.values.every((value) => value === null || Number.isInteger(value)));
    const longest = (this.seconds.at(-1) ?? 0) + this.payload.step_s;
    const y: uPlot.Axis = { ...common, scale: "y", size: AXIS_WIDTH, space: 34, values: (_, at) => ticks(at, unit, !log) };
    if (whole) y.incrs = wholeSteps;
    if (log) {
      y.splits = (_, __, low, high) => logSplits(low, high);
      y.filter = (_, at) => at;
    }
    const x: uPlot.Axis = {
      ...common,
      size: 30,
      space: 64,
      grid: { show: false },
      incrs: timeSteps,
      values: (_, at) => at.map((second) => moment(second, longest)),
    };
    const right: uPlot.Axis = { ...common, scale: "y2", side: 1, size: 62, space: 34, grid: { show: false }, values: (_, at) => ticks(at, this.figure.rightUnit, true) };
    return this.figure.lines.some((line) => line.right) ? [x, y, right] : [x, y];
  }

  private series(line: Line): uPlot.Series {
    const ink = colour(line.colour);
    const at = this.figure.lines.indexOf(line);
    const built: uPlot.Series = {
      label: line.key,
      scale: line.right ? "y2" : "y",
      stroke: ink,
      width: line.width ?? 1,
      show: this.legend.isShown(at),
      spanGaps: false,
      points: { show: this.seconds.length <= FEW_POINTS && !line.bars && !this.figure.stacked, size: 4, fill: ink },
    };
    if (line.dash) built.dash = line.dash;
    if (line.stepped && this.seconds.length > 2) built.paths = uPlot.paths.stepped!({ align: 1 });
    const bars = line.bars || this.figure.stacked === "bars" || (this.figure.stacked && this.seconds.length < 2);
    if (bars) {
      built.paths = uPlot.paths.bars!({ size: [0.86, 28], align: 0 });
      built.fill = ink;
      built.width = 0;
    } else if (this.figure.stacked) {
      built.fill = tint(line.colour, 62);
    }
    return built;
  }

  private updateLegend(): void {
    const index = this.plot?.cursor.idx;
    if (index === null || index === undefined) return this.showPeak();
    const longest = (this.seconds.at(-1) ?? 0) + this.payload.step_s;
    this.legend.update(moment(this.seconds[index] ?? 0, longest), this.figure.lines.map((line) => line.values[index] ?? null));
  }

  private showPeak(): void {
    const [first, last] = this.plot?.series[0]?.idxs ?? [0, this.seconds.length - 1];
    const peaks = this.figure.lines.map((line) =>
      line.values.slice(first, last + 1).reduce<number | null>((most, value) => (value !== null && value > (most ?? -1) ? value : most), null),
    );
    this.legend.update("peak", peaks);
  }

  private onKey(event: KeyboardEvent): void {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === "Escape") moveCursor(this.plot, -10, -10);
    if (step === undefined || event.target !== this.box) return;
    event.preventDefault();
    const [first, last] = this.plot.series[0]!.idxs ?? [0, this.seconds.length - 1];
    const from = this.plot.cursor.idx ?? (step > 0 ? first - 1 : last + 1);
    const index = Math.min(last, Math.max(first, from + step));
    moveCursor(this.plot, this.plot.valToPos(this.seconds[index]!, "x"), 0);
    this.spoken.textContent = this.legend.spoken();
  }
}
