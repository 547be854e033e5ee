/** Numbers for people. Durations come in seconds, rates per second. */

export type Unit = "s" | "per_s" | "count";

const grouped = (value: number, digits: number): string =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** Three significant digits below 100, whole numbers from there on. */
function plain(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  return grouped(value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.995 ? 2 : 3);
}

export function duration(seconds: number): string {
  if (seconds === 0) return "0 ms";
  if (seconds >= 0.9995) return `${plain(seconds)} s`;
  if (seconds >= 0.0009995) return `${plain(seconds * 1e3)} ms`;
  return `${grouped(seconds * 1e6, 0)} µs`;
}

export function show(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined) return "–";
  if (unit === "s") return duration(value);
  const text = Number.isInteger(value) ? grouped(value, 0) : plain(value);
  return unit === "per_s" ? `${text}/s` : text;
}

/** Labels of one axis: all in the same unit, with as many digits as their distance asks for. */
export function ticks(values: (number | null)[], unit: Unit, even: boolean): string[] {
  const numbers = values.filter((value): value is number => value !== null);
  const top = Math.max(...numbers, 0);
  const [factor, suffix] = unit !== "s" ? [1, ""] : top >= 1.2 ? [1, " s"] : top >= 0.002 ? [1e3, " ms"] : [1e6, " µs"];
  const gap = numbers.length > 1 ? Math.abs(numbers[1]! - numbers[0]!) * factor : 1;
  const whole = (digits: number): boolean => Math.abs(gap * 10 ** digits - Math.round(gap * 10 ** digits)) < 1e-6 * 10 ** digits;
  const digits = [0, 1, 2].find(whole) ?? 3;
  return values.map((value) => {
    if (value === null) return "";
    if (!even) return unit === "s" ? shortDuration(value) : plain(value);
    return value === 0 ? "0" : grouped(value * factor, digits) + suffix;
  });
}

/** A round duration of a logarithmic axis: `5 ms`, `20 µs`. */
function shortDuration(seconds: number): string {
  const [factor, suffix] = seconds >= 0.9995 ? [1, "s"] : seconds >= 0.0009995 ? [1e3, "ms"] : [1e6, "µs"];
  return `${Number((seconds * factor).toPrecision(2))} ${suffix}`;
}

/** A moment of the run: `12 s`, `2:05`, `1:02:05`. */
export function moment(second: number, longest: number): string {
  if (longest < 120) return `${Number(second.toFixed(1))} s`;
  const whole = Math.round(second);
  const two = (value: number): string => String(value).padStart(2, "0");
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return longest >= 3600 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${Math.floor(whole / 60)}:${two(seconds)}`;
}
