import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { join } from 'node:path';
import {
  type Api,
  api,
  atEnd,
  startAgent,
  startServer,
  temporaryDirectory,
  until,
  type ServerFixture,
} from '#libs/testing/index';
import { type Loose, putInstance, rpc } from '../contract/ripex2.support.js';
import { add } from './saved-scripts.support.js';

/*
 * An interface and a mount that come and go, on a real agent. Both are made in namespaces of the agent's own; the machine's are not touched. Where
 * none can be made (an ordinary user on a system that keeps them from ordinary users), a watched file comes and goes instead, and the
 * test's name says so.
 */

const NAMESPACES =
  process.getuid?.() === 0 ? ['--net', '--mount'] : ['--user', '--map-root-user', '--net', '--mount'];
/** What is in /sys is of the namespace in which it was mounted. */
const FURNISH = 'mount -t sysfs muster /sys && ip link set lo up';
const possible =
  spawnSync('unshare', [...NAMESPACES, '--propagation', 'private', 'sh', '-c', FURNISH]).status === 0;

/** In the room: what comes to a port of its own goes to a socket in the file system, which reaches out of it. */
const DOOR = `
  const net = require('node:net');
  const [port, path] = process.argv.slice(1);
  net.createServer((inner) => {
    const outer = net.connect(path);
    inner.pipe(outer).pipe(inner);
    for (const end of [inner, outer]) end.on('error', () => { inner.destroy(); outer.destroy(); });
  }).listen(Number(port), '127.0.0.1', () => console.log('open'));
  process.stdin.on('end', () => process.exit()).resume();
`;

/** Namespaces of network and mounts from which the server can be reached at its address. */
interface Room {
  /** What runs a command in it. */
  readonly before: readonly string[];
  /** Runs a command in it. @throws Error when that fails */
  run(...command: string[]): void;
}

async function openRoom({ url }: ServerFixture): Promise<Room> {
  const { port } = new URL(url);
  const path = join(temporaryDirectory('door'), 'socket');
  const outside = createServer((inner) => {
    const outer = connect(Number(port), '127.0.0.1');
    inner.pipe(outer).pipe(inner);
    for (const end of [inner, outer])
      end.on('error', () => {
        inner.destroy();
        outer.destroy();
      });
  }).listen(path);
  await once(outside, 'listening');
  atEnd(() => void outside.close());
  const script = `${FURNISH} && exec "$@"`;
  const door = spawn(
    'unshare',
    [
      ...NAMESPACES,
      '--propagation',
      'private',
      'sh',
      '-c',
      script,
      'sh',
      process.execPath,
      '-e',
      DOOR,
      port,
      path,
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  atEnd(() => void door.kill());
  await once(door.stdout, 'data');
  const user = NAMESPACES.includes('--user') ? ['--user', '--preserve-credentials'] : [];
  const before = [
    'nsenter',
    '--target',
    String(door.pid),
    ...user,
    '--net',
    '--mount',
    `--wd=${process.cwd()}`,
  ];
  return {
    before,
    run: (...command) => {
      const [program = '', ...args] = [...before, ...command];
      const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
      if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
    },
  };
}

let server: ServerFixture;
let client: Api;
let hostname: string;
let room: Room | null;
let script: number;

beforeAll(async () => {
  server = await startServer();
  room = possible ? await openRoom(server) : null;
  const agent = startAgent({ server, ...(room && { before: room.before }) });
  client = await api(server).login();
  ({ hostname } = agent);
  await agent.online();
  script = await add(client, 'attendant.sh', 'echo attending; exec sleep 300\n');
});

/** Something on the host that instances can start and stop with. */
interface Passing {
  readonly path: string;
  readonly come: () => void;
  readonly go: () => void;
}

/** The run's start and stop, with what comes and goes. */
async function attends(instance: string, { path, come, go }: Passing): Promise<void> {
  const last = async (): Promise<Loose> => {
    const filter = { instances: [{ script_name: 'attendant', instance_names: [instance] }] };
    const { body } = await rpc(client, 'script_execution_get', { filter, pagination: { limit: -1 } });
    return body.executions[0];
  };
  const xpath = (setting: string) => ({ type: 'xpath', setting });
  await putInstance(client, script, instance, {
    hosts: [hostname],
    start_trigger: xpath(`boolean(${path})`),
    stop_trigger: xpath(`not(${path})`),
    debounce_ms: 0,
    max_starts_per_minute: 60,
  });
  let there = false;
  // A condition that is true when the set arrives does not turn true: it comes and goes until that is seen.
  const running = await until(
    async () => {
      const run = await last();
      if (run?.state === 'running' && there) return run;
      if (there) go();
      else come();
      there = !there;
      return null;
    },
    { timeout: 60_000, interval: 5_000, what: `a start with ${path}` },
  );
  expect(running).toMatchObject({ host: hostname, start_trigger: xpath(`boolean(${path})`) });
  go();
  const end = await until(
    async () => {
      const run = await last();
      return run?.state === 'killed' ? run : null;
    },
    { timeout: 60_000, what: `a stop with ${path}` },
  );
  expect(end).toMatchObject({ exit_code: -15, stop_trigger: xpath(`not(${path})`) });
}

/** Kernels differ in which kinds of interface they know without modules. */
function anInterface(at: Room): Passing {
  const kinds = [['dummy'], ['veth', 'peer', 'name', 'muster1'], ['bridge']];
  const make = (kind: readonly string[]) => at.run('ip', 'link', 'add', 'muster0', 'type', ...kind);
  const remove = () => at.run('ip', 'link', 'delete', 'muster0');
  const kind = kinds.find((one) => {
    try {
      make(one);
      remove();
      return true;
    } catch {
      return false;
    }
  });
  if (!kind) throw new Error(`this kernel makes no interface of any of the kinds ${kinds.join('; ')}`);
  return { path: '/networking/muster0', come: () => make(kind), go: remove };
}

function aMount(at: Room): Passing {
  const path = temporaryDirectory('mount');
  return {
    path: `/mounts/mount[@path='${path}']`,
    come: () => at.run('mount', '-t', 'tmpfs', 'muster', path),
    go: () => at.run('umount', path),
  };
}

function aFile(): Passing {
  const path = join(temporaryDirectory('watched'), 'file');
  return {
    path: `/files/file[@path='${path}']`,
    come: () => writeFileSync(path, ''),
    go: () => rmSync(path),
  };
}

const without = possible ? '' : ' (a watched file: no namespaces can be made here)';

it(
  `an instance starts and stops with a network interface that comes and goes${without}`,
  () => attends('interface', room ? anInterface(room) : aFile()),
  150_000,
);

it(
  `an instance starts and stops with a mount that comes and goes${without}`,
  () => attends('mount', room ? aMount(room) : aFile()),
  150_000,
);

it(
  'an instance starts and stops with a watched file that comes and goes',
  () => attends('file', aFile()),
  150_000,
);
