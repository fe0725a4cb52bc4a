import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { outputOf } from '../posix/programs.js';
import { type OpenFile, parseFiles } from './open-files.js';
import { processesAsked } from './processes.js';

const FIELDS = 'pftPTn';
/** Kinds of files that have a path. */
const VNODES = new Set(['REG', 'DIR', 'CHR', 'BLK', 'LINK', 'FIFO']);
const PROTOCOLS: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, ICMP: 1, ICMPV6: 58 };
/** Where osquery's words are others than lsof's. */
const STATES: Readonly<Record<string, string>> = {
  SYN_RCVD: 'SYN_RECV',
  SYN_RECEIVED: 'SYN_RECV',
  FIN_WAIT_1: 'FIN_WAIT1',
  FIN_WAIT_2: 'FIN_WAIT2',
};

function filesOf(scan: ScanContext, kinds: readonly string[]): Iterable<OpenFile> {
  const pids = processesAsked(scan);
  if (pids === null) return [];
  const which = pids === undefined ? kinds : ['-p', pids];
  return parseFiles(outputOf('lsof', ['-nPw', ...which, '-F', FIELDS], scan, { partial: true }) ?? '');
}

/** A row of `process_open_files`; null for what has no descriptor or no path. */
export function toOpenFile({ pid, fd, type, name }: OpenFile): Row | null {
  return /^\d+$/.test(fd) && VNODES.has(type) && name.startsWith('/')
    ? { pid, fd: Number(fd), path: name }
    : null;
}

/** `[::1]:80` apart; `*` stands for every address, and as a port for none. */
function endpoint(text: string, six: boolean): [address: string, port: number] {
  const [, address = '', port = ''] = /^(.*):([^:]*)$/.exec(text) ?? [];
  const bare = address.replace(/^\[|\]$/g, '');
  return [bare === '*' ? (six ? '::' : '0.0.0.0') : bare, port === '*' ? 0 : Number(port)];
}

/**
 * A row of `process_open_sockets`; null for what is no socket. As osquery on macOS: IPv6 is family 10, a local socket
 * family 0 with its descriptor as `socket`.
 */
export function toSocket({ pid, fd, type, protocol, name, state }: OpenFile): Row | null {
  if (!/^\d+$/.test(fd)) return null;
  if (type === 'unix') {
    const none = { local_address: '', remote_address: '', local_port: 0, remote_port: 0, state: '' };
    const path = name.startsWith('->') ? '' : name;
    return { pid, fd: Number(fd), socket: Number(fd), family: 0, protocol: 0, ...none, path };
  }
  const six = type === 'IPv6';
  if (!six && type !== 'IPv4') return null;
  const [local = '', remote] = name.split('->');
  const [localAddress, localPort] = endpoint(local, six);
  const [remoteAddress, remotePort] =
    remote === undefined ? [six ? '::' : '0.0.0.0', 0] : endpoint(remote, six);
  return {
    pid,
    fd: Number(fd),
    family: six ? 10 : 2,
    protocol: PROTOCOLS[protocol] ?? 0,
    local_address: localAddress,
    local_port: localPort,
    remote_address: remoteAddress,
    remote_port: remotePort,
    path: '',
    state: protocol === 'TCP' ? (STATES[state] ?? state) : '',
  };
}

/** A row of `listening_ports` of one of `process_open_sockets`; null for what does not listen. */
export function toListening(socket: Row): Row | null {
  const local = socket['family'] === 0;
  if (local ? socket['path'] === '' : socket['remote_port'] !== 0) return null;
  const { pid, fd, protocol, family, path } = socket;
  return {
    pid,
    fd,
    socket: socket['socket'],
    port: socket['local_port'],
    protocol,
    family,
    address: socket['local_address'],
    path,
  };
}

/** Files and devices that processes have open. */
export const darwinProcessOpenFiles: Table = {
  name: 'process_open_files',
  platforms: ['darwin'],
  *rows(scan) {
    for (const file of filesOf(scan, [])) {
      const row = toOpenFile(file);
      if (row) yield row;
    }
  },
};

const SOCKETS = ['-i', '-U'];

/** Sockets that processes have open. */
export const darwinProcessOpenSockets: Table = {
  name: 'process_open_sockets',
  platforms: ['darwin'],
  *rows(scan) {
    for (const file of filesOf(scan, SOCKETS)) {
      const row = toSocket(file);
      if (row) yield row;
    }
  },
};

/** Sockets without another end. */
export const darwinListeningPorts: Table = {
  name: 'listening_ports',
  platforms: ['darwin'],
  *rows(scan) {
    for (const file of filesOf(scan, SOCKETS)) {
      const socket = toSocket(file);
      const row = socket && toListening(socket);
      if (row) yield row;
    }
  },
};
