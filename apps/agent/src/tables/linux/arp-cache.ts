import { type Row, type Table } from '../engine/table.js';
import { readLines } from './proc.js';

/** Of the flags in /proc/net/arp: entered by hand, so that it stays. */
const PERMANENT = 0x4;

/** A line of /proc/net/arp; null for the heading. */
export function parseNeighbour(line: string): Row | null {
  const [address, , flags, mac, , name] = line.trim().split(/\s+/);
  if (address === undefined || name === undefined || !/^0x/.test(flags ?? '')) return null;
  return { address, mac, interface: name, permanent: Number(flags) & PERMANENT ? '1' : '0' };
}

/** IPv4 neighbours whose hardware address is known or was asked for. */
export const arpCache: Table = {
  name: 'arp_cache',
  platforms: ['linux'],
  *rows(scan) {
    for (const line of readLines('/proc/net/arp', scan)) {
      const row = parseNeighbour(line);
      if (row !== null) yield row;
    }
  },
};
