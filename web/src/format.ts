/** Numbers for people. Durations come in seconds, rates per second. */

export type Unit = "s" | "per_s" | "count" | "share" | "bytes" | "bytes_per_s";

const SIZES = ["B", "kB", "MB", "GB", "TB"];

const grouped = (value: number, digits: number): string =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** Three significant digits below 100, whole numbers from there on. */
export function plain(value: number): string {
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

/** Milliseconds without their unit; from seconds. */
export function millis(seconds: number): string {
  return plain(seconds * 1e3);
}

export function plainly(value: number): { text: string; value: number } {
  return { text: Number.isInteger(value) ? grouped(value, 0) : plain(value), value };
}

/** A share of one; what is not 0 or 1 never reads `0 %` or `100 %`. */
export function percent(share: number): string {
  const value = share * 100;
  if (value === 0 || value === 100) return `${value} %`;
  if (value < 0.001) return "<0.001 %";
  if (value > 99 && value < 100) {
    const digits = value <= 99.99 ? 2 : 4;
    return `${Math.floor(value * 10 ** digits) / 10 ** digits} %`;
  }
  return `${grouped(value, value >= 9.995 ? 1 : value >= 0.0995 ? 2 : 3)} %`;
}

function bytes(value: number): string {
  const rank = value >= 1 ? Math.min(SIZES.length - 1, Math.floor(Math.log10(value) / 3)) : 0;
  return `${rank ? plain(value / 1000 ** rank) : grouped(Math.round(value), 0)} ${SIZES[rank]}`;
}

export function show(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined) return "–";
  if (unit === "s") return duration(value);
  if (unit === "share") return percent(value);
  if (unit === "bytes") return bytes(value);
  if (unit === "bytes_per_s") return `${bytes(value)}/s`;
  const text = Number.isInteger(value) ? grouped(value, 0) : plain(value);
  return unit === "per_s" ? `${text}/s` : text;
}

/** Labels of one axis: all in the same unit, with as many digits as their distance asks for. */
export function ticks(values: (number | null)[], unit: Unit, even: boolean): string[] {
  if (unit === "share") return values.map((value) => (value === null ? "" : `${Number((value * 100).toPrecision(3))} %`));
  if (unit === "bytes" || unit === "bytes_per_s") return values.map((value) => (value === null ? "" : value === 0 ? "0" : show(value, unit)));
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
export function shortDuration(seconds: number): string {
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
