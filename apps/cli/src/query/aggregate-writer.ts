import { type Aggregate } from '../api/campaign-shapes.js';
import { type Io, printable } from '../terminal/io.js';
import { renderTable } from '../terminal/table.js';
import { amount } from './standing.js';
import { type Print, type ResultWriter } from './writer.js';

/** Lines of a terminal that are not for the table: its end, what is going on, and where the cursor stands. */
const OTHER_LINES = 3;

/** The result of an aggregate: on a terminal refined in place, elsewhere the last one alone. */
export class AggregateWriter implements ResultWriter {
  private last: Aggregate | undefined;
  private drawn = 0;

  constructor(
    private readonly io: Io,
    private readonly print: Print,
  ) {}

  async add(): Promise<void> {
    // The rows of hosts are in the aggregate.
  }

  async refine(aggregate: Aggregate): Promise<void> {
    this.last = aggregate;
    if (!this.io.stdout.isTTY) return;
    const lines = this.table(aggregate);
    const room = Math.max(1, (this.io.stdout.rows || 24) - OTHER_LINES - 1);
    const shown = lines.slice(0, room);
    if (lines.length > shown.length) shown.push(`… and ${amount(lines.length - shown.length)} more rows`);
    shown.push(`${amount(aggregate.answered)} of ${amount(aggregate.targeted)}`);
    await this.draw(shown);
  }

  async end(): Promise<void> {
    if (this.last) await this.draw(this.table(this.last));
  }

  private async draw(lines: readonly string[]): Promise<void> {
    const back = this.drawn > 0 ? `\u001b[${this.drawn}A\u001b[J` : '';
    this.drawn = this.io.stdout.isTTY ? lines.length : 0;
    await this.print(back + lines.map((text) => `${text}\n`).join(''));
  }

  /** Columns shrink as far as they have to: a line that wraps could not be drawn over. */
  private table({ columns, rows, error }: Aggregate): string[] {
    if (error !== undefined || columns.length === 0) return [];
    const least = Math.max(1, Math.floor((this.io.stdout.columns || 80) / columns.length) - 2);
    return renderTable(
      this.io,
      columns.map((title) => ({ title: printable(title), least })),
      rows.map((row) => columns.map((name) => row[name] ?? '')),
    ).split('\n');
  }
}
