/** Tables that sort by a click on a column, can be searched and saved, and follow the chosen part of the run. */

import { csv, download } from "./csv";
import type { Part } from "./part";
import type { BrushTable, Cell } from "./payload";

const SEARCH_FROM = 12;

type Value = number | string | null;

interface Row {
  element: HTMLTableRowElement;
  /** To sort by. */
  values: Value[];
  /** To search in. */
  text: string;
  /** Its place in the document, and what it said of the whole run. */
  place: number;
  whole: { texts: string[]; values: Value[] };
}

function row(element: HTMLTableRowElement, values: Value[], place: number): Row {
  const texts = [...element.cells].map((cell) => cell.textContent);
  return { element, values, text: texts.join(" ").toLowerCase(), place, whole: { texts, values: [...values] } };
}

function rowOfPage(element: HTMLTableRowElement, place: number): Row {
  const values = [...element.cells].map((cell) => {
    const value = cell.dataset["v"];
    if (value === undefined) return cell.textContent.trim();
    return value === "" ? null : Number(value);
  });
  return row(element, values, place);
}

function rowOfData(cells: Cell[], place: number): Row {
  const element = document.createElement("tr");
  cells.forEach(([text, , css], at) => {
    const cell = document.createElement(at === 0 ? "th" : "td");
    if (at === 0) cell.scope = "row";
    cell.className = css;
    cell.textContent = text;
    element.append(cell);
  });
  return row(element, cells.map(([, value]) => value), place);
}

function compare(a: number | string, b: number | string): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true, sensitivity: "base" });
}

export class Table {
  private readonly body: HTMLTableSectionElement;
  private readonly rows: Row[];
  private readonly most: number;
  private readonly status = document.createElement("p");
  private words: string[] = [];
  private sorted: { column: number; up: boolean } | null = null;
  private part: Part | null = null;

  constructor(private readonly table: HTMLTableElement, more: Cell[][], private readonly brush: BrushTable | undefined) {
    this.body = table.tBodies[0]!;
    this.most = Number(table.dataset["table"]);
    const shown = [...this.body.rows];
    this.rows = [...shown.map(rowOfPage), ...more.map((cells, at) => rowOfData(cells, shown.length + at))];
    if (table.dataset["sortable"] !== undefined) for (const head of table.querySelectorAll<HTMLTableCellElement>("th[data-col]")) this.addButton(head);
    this.addBar();
  }

  private addButton(head: HTMLTableCellElement): void {
    if (!head.textContent.trim()) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    const column = Number(head.dataset["col"]);
    button.addEventListener("click", () => this.sortBy(column, head));
  }

  private addBar(): void {
    const bar = document.createElement("div");
    bar.className = "table-bar";
    if (this.rows.length >= SEARCH_FROM) bar.append(this.search(), this.status);
    const save = document.createElement("button");
    save.type = "button";
    save.className = "switch";
    save.textContent = "CSV";
    save.setAttribute("aria-label", `Save ${this.title()} as CSV`);
    save.addEventListener("click", () => download(`${this.table.id}.csv`, csv([this.titles(), ...this.found().map((one) => one.values)])));
    bar.append(save);
    this.table.closest(".scroll")?.before(bar);
    this.status.setAttribute("role", "status");
    this.status.className = "found";
    this.show();
  }

  private title(): string {
    return this.table.caption?.textContent ?? "the table";
  }

  /** The headings, each with that of its group. */
  private titles(): string[] {
    const groups = [...(this.table.tHead?.querySelectorAll<HTMLTableCellElement>("tr.groups > *") ?? [])].flatMap((cell) =>
      Array.from({ length: cell.colSpan }, () => cell.textContent.trim()),
    );
    return [...this.table.querySelectorAll("th[data-col]")].map((head, at) => `${groups[at] ?? ""} ${head.textContent.trim()}`.trim());
  }

  private search(): HTMLLabelElement {
    const label = document.createElement("label");
    label.className = "search";
    const input = document.createElement("input");
    input.type = "search";
    input.placeholder = "Search";
    input.setAttribute("aria-label", `Search ${this.title()}`);
    input.addEventListener("input", () => {
      this.words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      this.show();
    });
    label.append(input);
    return label;
  }

  private sortBy(column: number, head: HTMLTableCellElement): void {
    const numeric = this.rows.some((one) => typeof one.values[column] === "number");
    const up = this.sorted?.column === column ? !this.sorted.up : !numeric;
    this.sorted = { column, up };
    for (const other of this.table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    this.sort();
    this.show();
  }

  private sort(): void {
    if (!this.sorted) return;
    const { column, up } = this.sorted;
    this.rows.sort((a, b) => {
      const [left, right] = [a.values[column] ?? null, b.values[column] ?? null];
      if (left === null || right === null) return Number(left === null) - Number(right === null);
      return up ? compare(left, right) : compare(right, left);
    });
  }

  /** Tells the part of the run, or the whole again. */
  follow(part: Part | null): void {
    if (!this.brush || part === this.part) return;
    this.part = part;
    this.table.classList.toggle("part", part !== null);
    if (this.brush.moment === null) for (const one of this.rows) this.tell(one, part, this.brush);
    this.sort();
    this.show();
  }

  private tell(one: Row, part: Part | null, brush: BrushTable): void {
    const [line, iterations, times] = brush.rows[one.place] ?? [-1, -1, ""];
    brush.figures.forEach((name, at) => {
      const cell = one.element.cells[at]!;
      if (!name) return;
      const told = part?.figure(name, part.line(line), part.line(iterations), times);
      cell.textContent = told ? told.text : one.whole.texts[at]!;
      one.values[at] = told ? told.value : one.whole.values[at]!;
    });
  }

  private found(): Row[] {
    const moment = this.brush?.moment ?? null;
    const inside = (one: Row): boolean => !this.part || moment === null || this.part.holds(Number(one.values[moment]));
    return this.rows.filter((one) => inside(one) && this.words.every((word) => one.text.includes(word)));
  }

  private show(): void {
    const found = this.found();
    this.body.replaceChildren(...found.slice(0, this.most).map((one) => one.element));
    const count = (number: number): string => number.toLocaleString("en");
    const cut = found.length > this.most ? `, the first ${this.most} are shown` : "";
    this.status.textContent = `${count(found.length)} of ${count(this.rows.length)} rows${cut}`;
  }
}

/** Takes over every `table[data-table]` of the page. */
export function enhanceTables(more: Record<string, Cell[][]>, brush: Record<string, BrushTable>): Table[] {
  return [...document.querySelectorAll<HTMLTableElement>("table[data-table]")].map((table) => new Table(table, more[table.id] ?? [], brush[table.id]));
}
