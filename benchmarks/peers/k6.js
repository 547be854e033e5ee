// What all scripted tools do: one GET and two checks.
import http from "k6/http";
import { check } from "k6";

export const options = { vus: Number(__ENV.CONNECTIONS), duration: `${__ENV.SECONDS}s` };

export default function () {
  const answer = http.get(`${__ENV.TARGET}/item`);
  check(answer, {
    "status is 200": (r) => r.status === 200,
    "body has the name": (r) => r.body.includes("Nala"),
  });
}

export function handleSummary(data) {
  return { stdout: JSON.stringify(data.metrics) };
}
