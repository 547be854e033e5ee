// One request an iteration, which tells the server its number.
import http from "k6/http";
import exec from "k6/execution";

const seconds = `${__ENV.SECONDS}s`;
const closed = { executor: "constant-vus", vus: Number(__ENV.VUS), duration: seconds };
const open = {
  executor: "constant-arrival-rate",
  rate: Number(__ENV.RATE),
  timeUnit: "1s",
  duration: seconds,
  preAllocatedVUs: Number(__ENV.VUS),
  maxVUs: Number(__ENV.VUS),
};

export const options = {
  scenarios: { ask: __ENV.RATE ? open : closed },
  summaryTrendStats: ["med", "p(90)", "p(95)", "p(99)", "p(99.9)", "max", "count"],
};

export default function () {
  http.get(`${__ENV.TARGET}/?k=${exec.scenario.iterationInTest}`);
}

export function handleSummary(data) {
  return { stdout: JSON.stringify(data.metrics) };
}
