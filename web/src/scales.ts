/** Ranges and divisions of the charts' axes. */

import type { Column } from "./payload";

/** Distances between the times of an axis, in seconds. */
export const timeSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

const STEPS = [1, 2, 5];
/** Distances between the divisions of an axis of whole numbers. */
export const wholeSteps = Array.from({ length: 10 }, (_, power) => STEPS.map((step) => step * 10 ** power)).flat();

/** A limit is drawn into the scale unless it would squash the lines to less than this share of the height. */
const FARTHEST = 3;

/** From zero to a little above the highest value. */
export function linearRange(high: number | null, limits: number[]): [number, number] {
  const top = high ?? 0;
  const reached = Math.max(top, ...limits.filter((limit) => limit <= top * FARTHEST));
  return [0, reached > 0 ? reached * 1.08 : 1];
}

function neighbours(value: number): [below: number, above: number] {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  const grades = [...STEPS, 10].map((step) => step * power);
  const below = grades.filter((grade) => grade <= value * 1.0000001).at(-1) ?? power;
  return [below, grades.find((grade) => grade >= value * 0.9999999) ?? power * 10];
}

/** From the 1-2-5 division below the lowest value to the one above the highest. */
export function logRange(low: number | null, high: number | null, limits: number[]): [number, number] {
  const bottom = Math.max(low ?? 1e-3, 1e-6);
  const top = Math.max(high ?? 1e-2, bottom);
  const reached = Math.max(top, ...limits.filter((limit) => limit <= top * 100));
  const [below] = neighbours(bottom);
  const [, above] = neighbours(reached * 1.05);
  return [below, above > below ? above : below * 10];
}

/** Divisions of a logarithmic axis: 1, 2, 5 within two decades, powers of ten beyond. */
export function logSplits(low: number, high: number): number[] {
  const decades = Math.log10(high / low);
  const steps = decades <= 2.2 ? STEPS : [1];
  const splits: number[] = [];
  for (let power = Math.floor(Math.log10(low) - 1e-9); power <= Math.ceil(Math.log10(high)); power++) {
    for (const step of steps) {
      const value = Number((step * 10 ** power).toPrecision(3));
      if (value >= low * 0.999 && value <= high * 1.001) splits.push(value);
    }
  }
  return splits;
}

/** Running sums over the columns: the n-th result is the sum of the first n + 1; null counts as nothing. */
export function stackedUp(columns: Column[]): Column[] {
  const height = new Array<number>(columns[0]?.length ?? 0).fill(0);
  return columns.map((column) => column.map((value, at) => (height[at] = (height[at] ?? 0) + (value ?? 0))));
}
