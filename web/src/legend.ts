/** A chart's legend: one switch per line, with its value under the cursor, or its peak while there is no cursor. */

import type { Figure, Line } from "./payload";
import { show } from "./format";

const SVG = "http://www.w3.org/2000/svg";

function swatch(line: Line, filled: boolean): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 22 10");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, filled ? "rect" : "line");
  const place = filled ? { x: 4, y: 0, width: 14, height: 10, rx: 2 } : { x1: 0, x2: 22, y1: 5, y2: 5 };
  for (const [name, value] of Object.entries(place)) shape.setAttribute(name, String(value));
  shape.style.setProperty(filled ? "fill" : "stroke", `var(${line.colour})`);
  if (!filled) {
    shape.setAttribute("stroke-width", String(Math.max(2, line.width ?? 2)));
    if (line.dash) shape.setAttribute("stroke-dasharray", line.dash.join(" "));
  }
  svg.append(shape);
  return svg;
}

export class Legend {
  readonly element = document.createElement("div");
  private readonly when = document.createElement("span");
  private readonly values: HTMLDataElement[] = [];
  private readonly buttons: HTMLButtonElement[] = [];

  constructor(private readonly figure: Figure, toggled: (line: number, shown: boolean) => void) {
    this.element.className = "legend";
    this.when.className = "when";
    const list = document.createElement("ul");
    figure.lines.forEach((line, at) => list.append(this.entry(line, (shown) => toggled(at, shown))));
    this.element.append(this.when, list);
  }

  private entry(line: Line, toggled: (shown: boolean) => void): HTMLLIElement {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset["key"] = line.key;
    button.setAttribute("aria-pressed", String(!line.hidden));
    button.title = "Show or hide this line";
    const value = document.createElement("data");
    button.append(swatch(line, Boolean(this.figure.stacked || line.bars)), line.label, value);
    if (this.figure.stacked) button.disabled = true;
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(shown));
      toggled(shown);
    });
    this.values.push(value);
    this.buttons.push(button);
    const item = document.createElement("li");
    item.append(button);
    return item;
  }

  isShown(line: number): boolean {
    return this.buttons[line]?.getAttribute("aria-pressed") === "true";
  }

  /** Shows one value per line, and what they are: a moment or `peak`. */
  update(when: string, values: (number | null)[]): void {
    this.when.textContent = when;
    this.values.forEach((element, at) => {
      const value = values[at] ?? null;
      element.value = value === null ? "" : String(value);
      element.textContent = show(value, this.figure.lines[at]!.right ? this.figure.rightUnit : this.figure.unit);
    });
  }

  /** The same in one sentence, for a screen reader. */
  spoken(): string {
    const parts = this.figure.lines.map((line, at) => `${line.label} ${this.values[at]?.textContent ?? ""}`);
    return `${this.when.textContent}: ${parts.join(", ")}`;
  }
}
