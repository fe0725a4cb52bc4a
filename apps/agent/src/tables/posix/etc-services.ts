import { type Row, type Table } from '../engine/table.js';
import { linesOf } from './files.js';

/** A line of services(5); null for one without a port and a protocol. */
export function parseService(line: string): Row | null {
  const [content = '', ...comments] = line.split('#');
  const [name = '', place = '', ...aliases] = content.trim().split(/\s+/);
  const [, port, protocol] = /^(\d+)\/(\S+)$/.exec(place) ?? [];
  if (port === undefined) return null;
  return {
    name,
    port: Number(port),
    protocol,
    aliases: aliases.join(' '),
    comment: comments.map((part) => part.trim()).join(' # '),
  };
}

/** Ports by the names of their services. */
export const etcServices: Table = {
  name: 'etc_services',
  platforms: ['linux', 'darwin'],
  *rows(scan) {
    for (const line of linesOf('/etc/services', scan)) {
      const row = parseService(line);
      if (row) yield row;
    }
  },
};
