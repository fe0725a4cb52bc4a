import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { ipv4FromHex, ipv6FromWords } from '../posix/addresses.js';
import { pidsOf, readLines, readProcLink } from './proc.js';
import { descriptorsOf } from './process-open-files.js';
import { namespaceNumber } from './process-namespaces.js';

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const TCP = 6;

/** Numbers of the IP protocols whose sockets the kernel lists. */
const PROTOCOLS = [
  ['icmp', 1],
  ['tcp', TCP],
  ['udp', 17],
  ['udplite', 136],
  ['raw', 255],
] as const;

/** By the kernel's numbers. */
const TCP_STATES = [
  'UNKNOWN',
  'ESTABLISHED',
  'SYN_SENT',
  'SYN_RECV',
  'FIN_WAIT1',
  'FIN_WAIT2',
  'TIME_WAIT',
  'CLOSED',
  'CLOSE_WAIT',
  'LAST_ACK',
  'LISTEN',
  'CLOSING',
  'SYN_RECV',
];

/** A socket without those who hold it. */
export interface Socket {
  /** Its inode; 0 when no process has it any more, as while TCP waits. */
  readonly socket: number;
  readonly family: number;
  readonly protocol: number;
  readonly local_address: string;
  readonly local_port: number;
  readonly remote_address: string;
  readonly remote_port: number;
  readonly path: string;
  readonly state: string;
}

/** A line of /proc/net/tcp and its like; null for the heading. */
export function parseInetSocket(line: string, family: number, protocol: number): Socket | null {
  const fields = line.trim().split(/\s+/);
  const [local, remote, state, inode] = [fields[1], fields[2], fields[3], fields[9]];
  if (local === undefined || remote === undefined || inode === undefined || !/^\d+$/.test(inode)) return null;
  const address = family === AF_INET ? ipv4FromHex : ipv6FromWords;
  const [localAddress = '', localPort = ''] = local.split(':');
  const [remoteAddress = '', remotePort = ''] = remote.split(':');
  return {
    socket: Number(inode),
    family,
    protocol,
    local_address: address(localAddress),
    local_port: Number.parseInt(localPort, 16),
    remote_address: address(remoteAddress),
    remote_port: Number.parseInt(remotePort, 16),
    path: '',
    state: protocol === TCP ? (TCP_STATES[Number.parseInt(state ?? '0', 16)] ?? 'UNKNOWN') : '',
  };
}

/** A line of /proc/net/unix; null for the heading. */
export function parseUnixSocket(line: string): Socket | null {
  const [, inode, path = ''] = /^[0-9a-f]+: (?:\S+ +){5}(\d+)(?: (.*))?$/.exec(line) ?? [];
  if (inode === undefined) return null;
  return {
    socket: Number(inode),
    family: AF_UNIX,
    protocol: 0,
    local_address: '',
    local_port: 0,
    remote_address: '',
    remote_port: 0,
    path,
    state: '',
  };
}

function* socketsOf(pid: number, scan: ScanContext): Iterable<Socket> {
  const files = PROTOCOLS.flatMap(([name, protocol]) => [
    { name, protocol, family: AF_INET },
    { name: `${name}6`, protocol, family: AF_INET6 },
  ]);
  for (const { name, protocol, family } of files) {
    for (const line of readLines(`/proc/${pid}/net/${name}`, scan)) {
      const socket = parseInetSocket(line, family, protocol);
      if (socket !== null) yield socket;
    }
  }
  for (const line of readLines(`/proc/${pid}/net/unix`, scan)) {
    const socket = parseUnixSocket(line);
    if (socket !== null) yield socket;
  }
}

/**
 * Every socket of the processes that the scan is about, once for each descriptor that holds it; and without a constraint
 * on the pid those too that no process has (or none that may be looked at), with -1 for the process.
 */
export function* openSockets(scan: ScanContext): Iterable<Row & Socket> {
  const holders = new Map<number, { pid: number; fd: number }[]>();
  // One process for each network namespace: its /proc/<pid>/net shows the sockets of all that are in it.
  const namespaces = new Map<string, number>();
  const asked = scan.equals('pid');
  const orphans = asked === null || asked.includes('-1');
  const scanned = asked === null || !orphans ? scan : { ...scan, equals: () => null };
  for (const pid of pidsOf(scanned)) {
    const link = readProcLink(`/proc/${pid}/ns/net`, scan);
    // Whoever's namespace may not be seen is taken to be in ours.
    const namespace = namespaceNumber(link ?? readProcLink('/proc/self/ns/net', scan));
    if (!namespaces.has(namespace)) namespaces.set(namespace, pid);
    for (const { fd, target } of descriptorsOf(pid, scan)) {
      const inode = Number(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? NaN);
      if (Number.isNaN(inode)) continue;
      const list = holders.get(inode);
      if (list) list.push({ pid, fd });
      else holders.set(inode, [{ pid, fd }]);
    }
  }
  if (holders.size === 0 && !orphans) return;
  for (const [namespace, pid] of namespaces) {
    for (const socket of socketsOf(pid, scan)) {
      const held = holders.get(socket.socket) ?? (orphans ? [{ pid: -1, fd: -1 }] : []);
      for (const holder of held) yield { ...holder, ...socket, net_namespace: namespace };
    }
  }
}

/** Sockets that processes have open. */
export const processOpenSockets: Table = {
  name: 'process_open_sockets',
  platforms: ['linux'],
  rows: openSockets,
};

/** Sockets that wait for whoever comes: of TCP those that listen, of UDP those that are not connected, of UNIX those with a name. */
export const listeningPorts: Table = {
  name: 'listening_ports',
  platforms: ['linux'],
  *rows(scan) {
    for (const row of openSockets(scan)) {
      const unix = row.family === AF_UNIX;
      if (unix ? row.path === '' : row.remote_port !== 0) continue;
      yield {
        pid: row['pid'],
        fd: row['fd'],
        port: row.local_port,
        protocol: row.protocol,
        family: row.family,
        address: row.local_address,
        socket: row.socket,
        path: row.path,
        net_namespace: row['net_namespace'],
      };
    }
  },
};
