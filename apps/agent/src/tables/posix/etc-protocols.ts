import { type Row, type Table } from '../engine/table.js';
import { linesOf } from './files.js';

/** A line of protocols(5); null for one without a number. */
export function parseProtocol(line: string): Row | null {
  const [content = '', ...comments] = line.split('#');
  const [name = '', number = '', ...aliases] = content.trim().split(/\s+/);
  if (!/^\d+$/.test(number)) return null;
  return {
    name,
    number: Number(number),
    alias: aliases.join(' '),
    comment: comments.map((part) => part.trim()).join(' # '),
  };
}

/** Protocols above IP by name. */
export const etcProtocols: Table = {
  name: 'etc_protocols',
  platforms: ['linux', 'darwin'],
  *rows(scan) {
    for (const line of linesOf('/etc/protocols', scan)) {
      const row = parseProtocol(line);
      if (row) yield row;
    }
  },
};
