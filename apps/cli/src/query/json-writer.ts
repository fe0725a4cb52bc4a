import { type Aggregate, type HostResult, type Row } from '../api/campaign-shapes.js';
import { type Print, type ResultWriter } from './writer.js';

/** One object per host and line, as Fleet's own client writes them; of an aggregate one object, its last result. */
export class JsonWriter implements ResultWriter {
  /** Rows of hosts whose answers have not ended. */
  private readonly begun = new Map<number, { name: string; rows: Row[] }>();
  private last: Aggregate | undefined;

  constructor(
    private readonly print: Print,
    private readonly aggregate: boolean,
  ) {}

  async add({ host, rows, partial, error }: HostResult): Promise<void> {
    if (this.aggregate) return;
    const begun = this.begun.get(host.id);
    for (const row of begun ? rows : []) begun?.rows.push(row);
    const all = begun?.rows ?? rows;
    if (partial) {
      if (!begun) this.begun.set(host.id, { name: host.name, rows: all });
      return;
    }
    this.begun.delete(host.id);
    await this.line({ host: host.name, rows: all, error });
  }

  async refine(aggregate: Aggregate): Promise<void> {
    this.last = aggregate;
  }

  async end(): Promise<void> {
    for (const { name, rows } of this.begun.values())
      await this.line({ host: name, rows, error: 'the answer is not complete' });
    if (this.last) await this.line(this.last.raw);
  }

  private line(value: object): Promise<void> {
    return this.print(`${JSON.stringify(value)}\n`);
  }
}
