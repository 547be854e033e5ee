/** A table as a file of comma-separated values (RFC 4180). */

const RISKY = /^[=+\-@\t\r]/;

function field(value: number | string | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  // A name that a spreadsheet would take for a formula is kept from that.
  const text = RISKY.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csv(rows: (number | string | null)[][]): string {
  return rows.map((row) => row.map(field).join(",") + "\r\n").join("");
}

/** Offers a text as a download. */
export function download(name: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
