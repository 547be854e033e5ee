/** The report's script: unpacks the data of the page, draws the charts, takes over the tables. The page reads without it. */

import "uplot/dist/uPlot.min.css";
import "./style.css";
import { Brush } from "./brush";
import { Chart } from "./chart";
import { addNumbers } from "./numbers";
import type { Payload } from "./payload";
import { unpack } from "./payload";
import { Spreads } from "./spread";
import { enhanceTables } from "./table";
import { onColours } from "./theme";

function scaleSwitch(chart: Chart): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "switch";
  const label = (): void => {
    const [now, other] = chart.isLog() ? ["Log scale", "linear"] : ["Linear scale", "logarithmic"];
    button.textContent = now;
    button.setAttribute("aria-label", `${now}, switch to ${other}`);
  };
  button.addEventListener("click", () => {
    chart.setLog(!chart.isLog());
    label();
  });
  label();
  return button;
}

function drawCharts(payload: Payload, zoomed: () => void): Chart[] {
  const charts: Chart[] = [];
  for (const figure of payload.second.length ? payload.charts : []) {
    const host = document.querySelector<HTMLElement>(`[data-chart="${figure.id}"]`);
    const box = host?.closest("figure");
    if (!host || !box) continue;
    const chart = new Chart(host, figure, payload, zoomed);
    charts.push(chart);
    if (figure.scale && !figure.heat) box.querySelector("h3")?.after(scaleSwitch(chart));
    addNumbers(box, figure, payload);
  }
  return charts;
}

function say(text: string): void {
  const note = document.querySelector<HTMLElement>("#charts-note");
  if (!note) return;
  note.textContent = text;
  note.hidden = false;
}

async function start(): Promise<void> {
  const holder = document.querySelector<HTMLElement>("#data");
  if (!holder) return;
  let payload: Payload;
  try {
    payload = await unpack(holder);
  } catch {
    enhanceTables({}, {});
    return say("The charts stand still: to move in them takes a browser of 2023 or later, and the whole file.");
  }
  const tables = enhanceTables(payload.more_rows, payload.brush);
  let brush: Brush | undefined;
  const charts = drawCharts(payload, () => brush?.changed());
  brush = new Brush(payload, charts, tables, new Spreads(payload));
  onColours((printing) => charts.forEach((chart) => chart.redraw(printing)));
  document.documentElement.dataset["ready"] = "yes";
}

void start();
