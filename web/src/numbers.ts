/** Each chart's numbers as a table, made when it is opened. */

import { moment, show } from "./format";
import type { Figure, Payload } from "./payload";

function table(figure: Figure, payload: Payload): HTMLElement {
  const seconds = payload.second;
  const longest = (seconds.at(-1) ?? 0) + payload.step_s;
  const element = document.createElement("table");
  const head = element.createTHead().insertRow();
  for (const title of ["time", ...figure.lines.map((line) => line.label)]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.className = "num";
    cell.textContent = title;
    head.append(cell);
  }
  const body = element.createTBody();
  seconds.forEach((second, at) => {
    const row = body.insertRow();
    const texts = figure.lines.map((line) => show(line.values[at], line.right ? figure.rightUnit : figure.unit));
    for (const text of [moment(second, longest), ...texts]) {
      const cell = row.insertCell();
      cell.className = "num";
      cell.textContent = text;
    }
  });
  const scroll = document.createElement("div");
  scroll.className = "scroll tall";
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "group");
  scroll.setAttribute("aria-label", "The chart's numbers");
  scroll.append(element);
  return scroll;
}

/** Adds a closed `details` below the chart. */
export function addNumbers(box: HTMLElement, figure: Figure, payload: Payload): void {
  const details = document.createElement("details");
  details.className = "numbers";
  const summary = document.createElement("summary");
  summary.textContent = "Numbers";
  details.append(summary);
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) details.append(table(figure, payload));
  });
  box.append(details);
}
