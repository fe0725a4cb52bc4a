import { type HostResult } from '../api/campaign-shapes.js';
import { type Io, printable, styled } from '../terminal/io.js';
import { type Column, cut, fit } from '../terminal/table.js';
import { columnsOf, type Print, type ResultWriter, sameColumns } from './writer.js';

/** So many rows, or so long after the first one, and the widths of the columns stay as they are. */
const FIRST_ROWS = 100;
const FIRST_MS = 250;
const GAP = 2;

/**
 * Rows as they come, in aligned columns whose widths the first of them decide. On a terminal nothing is wider than it is; where
 * the columns find no room beside each other they stand below each other. Elsewhere values are whole.
 */
export class TableWriter implements ResultWriter {
  private columns: readonly string[] = [];
  private widths: readonly number[] | undefined;
  private held: string[][] = [];
  private timer: NodeJS.Timeout | undefined;
  private first = true;
  /** What is being written: after it comes what comes next. */
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly io: Io,
    private readonly print: Print,
  ) {}

  async add({ host, rows }: HostResult): Promise<void> {
    const [row] = rows;
    if (!row) return;
    const columns = columnsOf(row);
    if (!sameColumns(columns, this.columns)) {
      await this.flush();
      this.columns = columns;
      this.widths = undefined;
    }
    for (const each of rows)
      this.held.push([host.name, ...this.columns.map((name) => each[name] ?? '')].map(printable));
    if (this.widths || this.held.length >= FIRST_ROWS) await this.flush();
    // An error is told to whoever writes next.
    else this.timer ??= setTimeout(() => void this.flush().catch(() => undefined), FIRST_MS);
  }

  async refine(): Promise<void> {
    // Rows are what was asked for.
  }

  end(): Promise<void> {
    return this.flush();
  }

  private flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const rows = this.held;
    this.held = [];
    if (rows.length > 0) {
      const text = this.render(rows);
      this.writing = this.writing.then(() => this.print(text));
    }
    return this.writing;
  }

  private get room(): number {
    return this.io.stdout.isTTY ? this.io.stdout.columns || 80 : Infinity;
  }

  private render(rows: readonly (readonly string[])[]): string {
    const titles = ['host', ...this.columns].map(printable);
    const lines: string[] = [];
    if (!this.widths) {
      this.widths = widthsOf(titles, rows, this.room);
      if (!this.first) lines.push('');
      if (total(this.widths) <= this.room)
        lines.push(styled(this.io, this.io.stdout, 'bold', this.line(titles, this.widths)));
    }
    this.first = false;
    const { widths } = this;
    for (const row of rows) {
      if (total(widths) <= this.room) lines.push(this.line(row, widths));
      else lines.push(...this.record(titles, row));
    }
    return `${lines.join('\n')}\n`;
  }

  /** A value longer than its column moves the rest of its line aside, unless that leaves the terminal. */
  private line(values: readonly string[], widths: readonly number[]): string {
    const whole = joined(values, widths);
    if (length(whole) <= this.room) return whole;
    return joined(
      values.map((value, index) => cut(value, widths[index] ?? 0)),
      widths,
    );
  }

  private record(titles: readonly string[], values: readonly string[]): string[] {
    const width = Math.max(...titles.map(length));
    const lines = titles.map((title, index) => cut(`${pad(title, width)}  ${values[index]}`, this.room));
    return [...lines, ''];
  }
}

/** Widths for a title and its values, within the room as far as columns can shrink. */
function widthsOf(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  room: number,
): readonly number[] {
  const natural = titles.map((title, index) =>
    rows.reduce((widest, row) => Math.max(widest, length(row[index] ?? '')), length(title)),
  );
  const columns = titles.map<Column>((title, index) => ({ title, least: index === 0 ? 12 : 8 }));
  return fit(natural, columns, room);
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, GAP * (widths.length - 1));
}

function joined(values: readonly string[], widths: readonly number[]): string {
  return values
    .map((value, index) => pad(value, widths[index] ?? 0))
    .join(' '.repeat(GAP))
    .trimEnd();
}

/** Characters, not code units. */
function length(text: string): number {
  return [...text].length;
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - length(text)));
}
