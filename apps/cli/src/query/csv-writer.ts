import { type Aggregate, type HostResult, type Row } from '../api/campaign-shapes.js';
import { columnsOf, type Print, type ResultWriter, sameColumns } from './writer.js';

/**
 * RFC 4180, the host first. The header stands once, with the columns of the first answer; of answers with others what fits is
 * written, and what does not is told.
 */
export class CsvWriter implements ResultWriter {
  private columns: readonly string[] | undefined;
  /** Columns of the last answer. */
  private current: readonly string[] = [];
  private readonly told = new Set<string>();
  private last: Aggregate | undefined;

  /** @param warn takes a line for people */
  constructor(
    private readonly print: Print,
    private readonly warn: (text: string) => void,
    private readonly aggregate: boolean,
  ) {}

  async add({ host, rows }: HostResult): Promise<void> {
    const [first] = rows;
    if (this.aggregate || !first) return;
    this.current = columnsOf(first);
    const header = this.columns ? '' : csvLine(['host', ...this.current]);
    this.columns ??= this.current;
    this.compare(host.name, this.columns);
    await this.print(header + rows.map((row) => csvLine([host.name, ...cells(row, this.columns)])).join(''));
  }

  async refine(aggregate: Aggregate): Promise<void> {
    this.last = aggregate;
  }

  async end(): Promise<void> {
    if (!this.last || this.last.error !== undefined) return;
    const { columns, rows } = this.last;
    await this.print([columns, ...rows.map((row) => cells(row, columns))].map(csvLine).join(''));
  }

  /** Says once of each kind of answer what it lacks and what is left out of it. */
  private compare(host: string, header: readonly string[]): void {
    const kind = this.current.join('\0');
    if (sameColumns(this.current, header) || this.told.has(kind)) return;
    this.told.add(kind);
    const missing = header.filter((name) => !this.current.includes(name));
    const extra = this.current.filter((name) => !header.includes(name));
    const parts = [
      ...(missing.length > 0 ? [`no ${missing.join(', ')}`] : []),
      ...(extra.length > 0 ? [`${extra.join(', ')} left out`] : []),
    ];
    this.warn(`${host}: other columns than the first answer (${parts.join('; ')}); --json has all of them`);
  }
}

function cells(row: Row, columns: readonly string[] = []): string[] {
  return columns.map((name) => row[name] ?? '');
}

/** One record with its line end. */
export function csvLine(values: readonly string[]): string {
  return `${values.map((value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)).join(',')}\r\n`;
}
