import Table from 'cli-table3';
import { type QuerySink } from '../tables/query/query.js';

/** Where a command writes. */
export interface Output {
  write(text: string): Promise<void> | void;
  error(text: string): void;
  /** Characters in a line of the terminal; null when the output goes elsewhere. */
  readonly width: number | null;
}

export interface EndingSink extends QuerySink {
  /** Everything has come. */
  end(): Promise<void> | void;
}

type Row = readonly (string | null)[];

/** A list of objects, one per line, written as the rows come. */
export function jsonSink(output: Output): EndingSink {
  let names: readonly string[] = [];
  let begun = false;
  return {
    columns: (columns) => {
      names = columns;
    },
    rows: (rows) => {
      const lines = rows.map((row) =>
        JSON.stringify(Object.fromEntries(names.map((name, i) => [name, row[i] ?? '']))),
      );
      const text = `${begun ? ',\n' : '[\n'}${lines.join(',\n')}`;
      begun = true;
      return output.write(text);
    },
    end: () => output.write(begun ? '\n]\n' : '[]\n'),
  };
}

/** One column per line, an empty line between rows. */
export function lineSink(output: Output): EndingSink {
  let names: readonly string[] = [];
  let width = 0;
  return {
    columns: (columns) => {
      names = columns;
      width = Math.max(0, ...columns.map((name) => name.length));
    },
    rows: (rows) =>
      output.write(
        rows
          .map(
            (row) =>
              `${names.map((name, i) => `${name.padStart(width)} = ${printable(row[i])}`).join('\n')}\n\n`,
          )
          .join(''),
      ),
    end: () => undefined,
  };
}

/** Aligned columns; lines instead, where a row does not fit into the terminal. */
export function tableSink(output: Output): EndingSink {
  let names: readonly string[] = [];
  const all: Row[] = [];
  return {
    columns: (columns) => {
      names = columns;
    },
    rows: (rows) => {
      all.push(...rows);
    },
    end: async () => {
      const table = new Table({ head: [...names], style: { head: [], border: [], compact: true } });
      for (const row of all) table.push(row.map(printable));
      const text = table.toString();
      const [first = ''] = text.split('\n');
      if (output.width === null || first.length <= output.width) return output.write(`${text}\n`);
      const lines = lineSink(output);
      lines.columns(names);
      await lines.rows(all);
    },
  };
}

/** A terminal obeys control characters; a file name may hold any. */
function printable(value: string | null | undefined): string {
  return (value ?? '').replace(/\p{Cc}/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
