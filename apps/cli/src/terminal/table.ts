import Table from 'cli-table3';
import { type Io, printable, styled } from './io.js';

export interface Column {
  readonly title: string;
  /** May become as narrow as this, the widest first; absent: never cut. */
  readonly least?: number;
}

const gap = 2;

/** Widths that fit into `room`: the widest of the columns that may shrink gives way, one by one. */
export function fit(natural: readonly number[], columns: readonly Column[], room: number): number[] {
  const widths = [...natural];
  const total = (): number => widths.reduce((sum, width) => sum + width, gap * (widths.length - 1));
  while (total() > room) {
    let widest = -1;
    columns.forEach(({ least }, index) => {
      const width = widths[index] ?? 0;
      if (least !== undefined && width > least && (widest === -1 || width > (widths[widest] ?? 0)))
        widest = index;
    });
    if (widest === -1) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

/**
 * Aligned columns without lines: cut to the terminal's width, whole where the output goes elsewhere.
 * @param stream where it will be written
 */
export function renderTable(
  io: Io,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  stream: Io['stdout'] = io.stdout,
): string {
  const clean = rows.map((row) => row.map(printable));
  const natural = columns.map(({ title }, index) =>
    clean.reduce((widest, row) => Math.max(widest, [...(row[index] ?? '')].length), title.length),
  );
  const widths = stream.isTTY ? fit(natural, columns, stream.columns || 80) : natural;
  const none = '';
  const table = new Table({
    head: columns.map(({ title }) => styled(io, stream, 'bold', title)),
    colWidths: widths.map((width, index) => width + (index === widths.length - 1 ? 0 : gap)),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    chars: {
      top: none,
      'top-mid': none,
      'top-left': none,
      'top-right': none,
      bottom: none,
      'bottom-mid': none,
      'bottom-left': none,
      'bottom-right': none,
      left: none,
      'left-mid': none,
      mid: none,
      'mid-mid': none,
      right: none,
      'right-mid': none,
      middle: none,
    },
  });
  // The gap belongs to the column, so a text that fills its column leaves none: cut it ourselves.
  for (const row of clean) table.push(row.map((text, index) => cut(text, widths[index] ?? 0)));
  return table
    .toString()
    .split('\n')
    .map((text) => text.trimEnd())
    .join('\n');
}

/** At most this wide, with an ellipsis where something is missing. */
export function cut(text: string, width: number): string {
  const characters = [...text];
  return characters.length > width ? `${characters.slice(0, width - 1).join('')}…` : text;
}
