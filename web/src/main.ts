/** The report's script: unpacks the data of the page, draws the charts, makes the tables sortable. The page reads without it. */

import "uplot/dist/uPlot.min.css";
import "./style.css";
import { Chart } from "./chart";
import { figure } from "./figures";
import type { Payload } from "./payload";
import { unpack } from "./payload";
import { enhanceTables } from "./table";
import { addNumbers } from "./numbers";
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

function drawCharts(payload: Payload): Chart[] {
  const charts: Chart[] = [];
  const whole = document.querySelector<HTMLButtonElement>("#whole-run");
  const zoomed = (): void => {
    if (whole) whole.hidden = !charts.some((chart) => chart.isZoomed());
  };
  for (const host of document.querySelectorAll<HTMLElement>("[data-chart]")) {
    const spec = figure(host.dataset["chart"] ?? "", payload);
    const box = host.closest("figure");
    if (!spec || !box) continue;
    const chart = new Chart(host, spec, payload, zoomed);
    charts.push(chart);
    if (spec.scale) box.querySelector("h3")?.after(scaleSwitch(chart));
    addNumbers(box, spec, payload);
  }
  whole?.addEventListener("click", () => charts.forEach((chart) => chart.showWholeRun()));
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
    enhanceTables({});
    return say("The charts could not be drawn: they need a browser of 2023 or later, and the whole file.");
  }
  enhanceTables(payload.more_rows);
  const charts = drawCharts(payload);
  onColours((printing) => charts.forEach((chart) => chart.redraw(printing)));
  document.documentElement.dataset["ready"] = "yes";
}

void start();
