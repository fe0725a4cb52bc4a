import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { type Ask, openTables, program } from '../testing.js';
import { parseInetSocket, parseUnixSocket } from './process-open-sockets.js';

let ask: Ask;

beforeAll(async () => {
  ask = await openTables();
});

async function listen(server: Server, ...where: [number, string] | [string]): Promise<number> {
  (server.listen as (...args: unknown[]) => void).apply(server, where);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

it('finds ports that this process listens on, of every kind', async () => {
  const directory = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'tables-')));
  const [tcp, tcp6, unix] = [createServer(), createServer(), createServer()];
  const udp = createSocket('udp4');
  try {
    const port = await listen(tcp, 0, '127.0.0.1');
    const port6 = await listen(tcp6, 0, '::1');
    await listen(unix, path.join(directory, 'socket'));
    await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
    const rows = ask(
      `select port, protocol, family, address, path from listening_ports
       where pid = ${process.pid} and (port in (${port}, ${port6}, ${udp.address().port}) or path like '${directory}%')
       order by family, protocol`,
    );
    expect(rows).toEqual([
      { port: '0', protocol: '0', family: '1', address: '', path: path.join(directory, 'socket') },
      { port: String(port), protocol: '6', family: '2', address: '127.0.0.1', path: '' },
      { port: String(udp.address().port), protocol: '17', family: '2', address: '127.0.0.1', path: '' },
      { port: String(port6), protocol: '6', family: '10', address: '::1', path: '' },
    ]);
  } finally {
    for (const server of [tcp, tcp6, unix]) server.close();
    udp.close();
    rmSync(directory, { recursive: true });
  }
});

it('knows both ends of a connection, its state and its namespace', async () => {
  const server = createServer();
  const port = await listen(server, 0, '127.0.0.1');
  const client = connect(port, '127.0.0.1');
  try {
    await Promise.all([once(client, 'connect'), once(server, 'connection')]);
    const sql = `select state, local_port, remote_port, remote_address, net_namespace from process_open_sockets
                 where pid = ${process.pid} and (local_port = ${port} or remote_port = ${port}) order by state, local_port = ${port}`;
    const [namespace] = ask(`select net_namespace from process_namespaces where pid = ${process.pid}`);
    const established = { state: 'ESTABLISHED', remote_address: '127.0.0.1', ...namespace };
    const other = String(client.localPort);
    expect(ask(sql)).toEqual([
      { ...established, local_port: other, remote_port: String(port) },
      { ...established, local_port: String(port), remote_port: other },
      {
        ...namespace,
        state: 'LISTEN',
        local_port: String(port),
        remote_port: '0',
        remote_address: '0.0.0.0',
      },
    ]);
  } finally {
    client.destroy();
    server.close();
  }
});

it('shows a socket with each process that holds it', async () => {
  const server = createServer();
  const port = await listen(server, 0, '127.0.0.1');
  const handle = (server as unknown as { _handle: { fd: number } })._handle;
  const child: ChildProcess = spawn('/bin/sleep', ['60'], {
    stdio: ['ignore', 'ignore', 'ignore', handle.fd],
  });
  try {
    await once(child, 'spawn');
    const holders = ask(`select pid, fd from listening_ports where port = ${port} order by fd`);
    expect(holders).toEqual(
      expect.arrayContaining([
        { pid: String(child.pid), fd: '3' },
        { pid: String(process.pid), fd: String(handle.fd) },
      ]),
    );
    const [found] = ask(`select fd, socket from process_open_sockets where pid = ${child.pid}`);
    expect(found).toMatchObject({ fd: '3' });
    expect(ask(`select port from listening_ports where socket = ${found?.['socket']} and fd = 3`)).toEqual([
      { port: String(port) },
    ]);
  } finally {
    server.close();
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

it('agrees with ss about who listens on TCP', async () => {
  const server = createServer();
  const port = await listen(server, 0, '127.0.0.1');
  try {
    const lines = program('ss', '-tnlH') ?? [`LISTEN 0 511 127.0.0.1:${port} 0.0.0.0:*`];
    const theirs = lines.map((line) => Number(line.trim().split(/\s+/)[3]?.split(':').pop()));
    const ours = ask('select distinct port from listening_ports where protocol = 6').map((row) =>
      Number(row['port']),
    );
    expect(ours).toContain(port);
    // Others of this machine begin and end between the two looks.
    const common = theirs.filter((one) => ours.includes(one));
    expect(common).toContain(port);
    expect(common.length).toBeGreaterThanOrEqual(theirs.length / 2);
  } finally {
    server.close();
  }
});

it('reads what the kernel writes', () => {
  const tcp6 =
    '   0: B80D0120000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0';
  expect(parseInetSocket(tcp6, 10, 6)).toMatchObject({
    socket: 4711,
    local_address: '2001:db8::1',
    local_port: 8080,
    remote_address: '::',
    remote_port: 0,
    state: 'LISTEN',
  });
  expect(parseInetSocket('  sl  local_address rem_address   st tx_queue rx_queue', 2, 6)).toBeNull();
  const unix = '0000000054fa167f: 00000003 00000000 00010000 0001 01 562 @/tmp/with blank';
  expect(parseUnixSocket(unix)).toMatchObject({ socket: 562, family: 1, path: '@/tmp/with blank' });
  expect(parseUnixSocket('0000000054fa167f: 00000003 00000000 00000000 0001 03   562')).toMatchObject({
    socket: 562,
    path: '',
  });
  expect(parseUnixSocket('Num       RefCount Protocol Flags    Type St Inode Path')).toBeNull();
});
