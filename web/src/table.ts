/** Tables that sort by a click on a column, and long ones that can be searched. */

import type { Cell } from "./payload";

const SHOWN = 200;
const SEARCH_FROM = 12;

interface Row {
  element: HTMLTableRowElement;
  values: (number | string | null)[];
  text: string;
}

function rowOfPage(element: HTMLTableRowElement): Row {
  const cells = [...element.cells];
  const values = cells.map((cell) => {
    const value = cell.dataset["v"];
    if (value === undefined) return cell.textContent.trim().toLowerCase();
    return value === "" ? null : Number(value);
  });
  return { element, values, text: element.textContent.toLowerCase() };
}

function rowOfData(cells: Cell[]): Row {
  const element = document.createElement("tr");
  cells.forEach(([text, , css], at) => {
    const cell = document.createElement(at === 0 ? "th" : "td");
    if (at === 0) cell.scope = "row";
    cell.className = css;
    cell.textContent = text;
    element.append(cell);
  });
  const values = cells.map(([, value]) => (typeof value === "string" ? value.toLowerCase() : value));
  return { element, values, text: element.textContent.toLowerCase() };
}

function compare(a: number | string | null, b: number | string | null): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

class Table {
  private readonly body: HTMLTableSectionElement;
  private readonly rows: Row[];
  private readonly status = document.createElement("p");
  private words: string[] = [];
  private sorted: { column: number; up: boolean } | null = null;

  constructor(private readonly table: HTMLTableElement, more: Cell[][]) {
    this.body = table.tBodies[0]!;
    this.rows = [...[...this.body.rows].map(rowOfPage), ...more.map(rowOfData)];
    for (const head of table.querySelectorAll<HTMLTableCellElement>("th[data-col]")) this.addButton(head);
    if (this.rows.length >= SEARCH_FROM) this.addSearch();
  }

  private addButton(head: HTMLTableCellElement): void {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    const column = Number(head.dataset["col"]);
    button.addEventListener("click", () => this.sortBy(column, head));
  }

  private addSearch(): void {
    const label = document.createElement("label");
    label.className = "search";
    const input = document.createElement("input");
    input.type = "search";
    input.placeholder = "Search";
    input.setAttribute("aria-label", `Search ${this.table.caption?.textContent ?? "the table"}`);
    input.addEventListener("input", () => {
      this.words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      this.show();
    });
    label.append(input);
    this.status.setAttribute("role", "status");
    this.status.className = "found";
    const bar = document.createElement("div");
    bar.className = "table-bar";
    bar.append(label, this.status);
    this.table.closest(".scroll")?.before(bar);
    this.show();
  }

  private sortBy(column: number, head: HTMLTableCellElement): void {
    const numeric = this.rows.some((row) => typeof row.values[column] === "number");
    const up = this.sorted?.column === column ? !this.sorted.up : !numeric;
    this.sorted = { column, up };
    for (const other of this.table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    this.rows.sort((a, b) => {
      const [left, right] = [a.values[column] ?? null, b.values[column] ?? null];
      if (left === null || right === null) return Number(left === null) - Number(right === null);
      return up ? compare(left, right) : compare(right, left);
    });
    this.show();
  }

  private show(): void {
    const found = this.rows.filter((row) => this.words.every((word) => row.text.includes(word)));
    this.body.replaceChildren(...found.slice(0, SHOWN).map((row) => row.element));
    const count = (number: number): string => number.toLocaleString("en");
    const cut = found.length > SHOWN ? `, the first ${SHOWN} are shown` : "";
    this.status.textContent = `${count(found.length)} of ${count(this.rows.length)} rows${cut}`;
  }
}

/** Makes every `table[data-sortable]` of the page sortable. */
export function enhanceTables(more: Record<string, Cell[][]>): void {
  for (const table of document.querySelectorAll<HTMLTableElement>("table[data-sortable]")) new Table(table, more[table.id] ?? []);
}
