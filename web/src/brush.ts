/** The chosen part of the run: charts zoom to it, tables are worked out again for it. */

import type { Chart } from "./chart";
import { moment } from "./format";
import { Part } from "./part";
import type { Payload } from "./payload";
import type { Spreads } from "./spread";
import type { Table } from "./table";

export class Brush {
  private readonly form = document.querySelector<HTMLElement>("#brush");
  private readonly whole = document.querySelector<HTMLButtonElement>("#whole-run");
  private readonly said = document.querySelector<HTMLElement>("#interval");
  private readonly invitation = this.said?.textContent ?? "";
  private readonly end: number;
  private waiting = 0;

  constructor(private readonly payload: Payload, private readonly charts: Chart[], private readonly tables: Table[], private readonly spreads: Spreads) {
    this.end = (payload.second.at(-1) ?? 0) + payload.step_s;
    if (!this.form || !charts.length) return;
    this.form.hidden = false;
    const choose = (): void => this.choose(this.input("from").valueAsNumber || 0, this.input("to").valueAsNumber || this.end);
    document.querySelector("#show-part")?.addEventListener("click", choose);
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target instanceof HTMLInputElement) choose();
    });
    this.whole?.addEventListener("click", () => charts.forEach((chart) => chart.showWholeRun()));
    this.fill(0, this.end);
  }

  private input(name: string): HTMLInputElement {
    return this.form!.querySelector<HTMLInputElement>(`[name="${name}"]`)!;
  }

  private fill(from: number, to: number): void {
    for (const [name, value] of [["from", from], ["to", to]] as const) {
      this.input(name).max = String(Math.ceil(this.end));
      this.input(name).value = String(Math.round(value));
    }
  }

  private choose(from: number, to: number): void {
    const left = Math.min(Math.max(from, 0), this.end - this.payload.step_s);
    const right = Math.min(Math.max(to, left + this.payload.step_s), this.end);
    if (left <= 0 && right >= this.end) this.charts[0]?.showWholeRun();
    else this.charts[0]?.zoomTo(left - this.payload.step_s / 2, right - this.payload.step_s / 2);
  }

  /** A chart was zoomed: the others follow it by themselves. Works out once what many of them tell. */
  changed(): void {
    cancelAnimationFrame(this.waiting);
    this.waiting = requestAnimationFrame(() => this.follow());
  }

  private follow(): void {
    const zoomed = this.charts.find((chart) => chart.isZoomed());
    if (this.whole) this.whole.hidden = !zoomed;
    const half = this.payload.step_s / 2;
    const [from, to] = zoomed ? zoomed.range() : [-half, this.end - half];
    this.fill(Math.max(from + half, 0), Math.min(to + half, this.end));
    if (!this.payload.slices || !this.said) return;
    const part = zoomed ? Part.covering(this.payload, from + half, to + half) : null;
    const longest = this.end;
    this.said.textContent = part
      ? `Tables marked so tell ${moment(part.from, longest)} to ${moment(part.to, longest)} (whole steps of ${this.payload.slices.step_s} s; percentiles to within 3 %). Tenants, script errors and metrics are of the whole run.`
      : this.invitation;
    this.tables.forEach((table) => table.follow(part));
    this.spreads.follow(part);
  }
}
