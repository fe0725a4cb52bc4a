import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ScanContext } from '../engine/table.js';
import { openTables } from '../testing.js';
import { containerRows } from './docker-containers.js';
import { imageRows } from './docker-images.js';
import { networkRows } from './docker-networks.js';
import { versionRows } from './docker-version.js';
import { volumeRows } from './docker-volumes.js';
import { DOCKER_SOCKET } from './docker.js';

const ID = 'f'.repeat(64);
const ANSWERS = {
  '/containers/json?all=1': [
    {
      Id: ID,
      Names: ['/database', '/alias'],
      Image: 'postgres:16',
      ImageID: 'sha256:abc',
      Command: 'docker-entrypoint.sh postgres',
      Created: 1700000000,
      State: 'running',
      Status: 'Up 2 hours',
    },
    { Id: 'gone', Names: null, Image: 7 },
  ],
  [`/containers/${ID}/json`]: {
    Path: 'docker-entrypoint.sh',
    State: { Pid: process.pid, StartedAt: '2023-11-14T22:13:20Z', FinishedAt: '0001-01-01T00:00:00Z' },
    Config: { Entrypoint: ['a', 'b c'], Env: ['A=1', 'B=2'] },
    HostConfig: { Privileged: true, SecurityOpt: null, ReadonlyRootfs: false },
  },
  '/images/json': [
    { Id: 'sha256:abc', Created: 1690000000, Size: 5000000000, RepoTags: ['postgres:16', 'db:1'] },
  ],
  '/networks': [
    {
      Id: 'n1',
      Name: 'bridge',
      Driver: 'bridge',
      Created: '2023-11-14T22:13:20.123456789Z',
      EnableIPv6: false,
      IPAM: { Config: [{ Subnet: '172.17.0.0/16', Gateway: '172.17.0.1' }, { Subnet: 'fd00::/64' }] },
    },
    { Id: 'n2', Name: 'none', IPAM: { Config: null } },
  ],
  '/volumes': {
    Volumes: [{ Name: 'v', Driver: 'local', Mountpoint: '/var/lib/docker/volumes/v', Options: null }],
  },
};
/** A process of its own: the tables block this one. */
const SERVER = `
const answers = JSON.parse(process.argv[2]);
require('node:http').createServer((request, response) => {
  if (request.url === '/version') return;
  const answer = answers[request.url];
  response.writeHead(answer ? 200 : 404);
  response.end(JSON.stringify(answer ?? { message: 'no such thing' }));
}).listen(process.argv[1], () => console.log('ready'));
`;

let root: string;
let socket: string;
let server: ChildProcess;
let warnings: string[];

function scan(used: readonly string[] | null = null, equals: Record<string, string[]> = {}): ScanContext {
  return {
    equals: (column) => equals[column] ?? null,
    like: () => [],
    uses: (column) => used?.includes(column) ?? true,
    warn: (message) => warnings.push(message),
  };
}

beforeAll(async () => {
  root = fs.mkdtempSync(join(tmpdir(), 'muster-docker-'));
  socket = join(root, 'docker.sock');
  const args = ['-e', SERVER, socket, JSON.stringify(ANSWERS)];
  server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout!, 'data');
});

afterAll(() => {
  server.kill('SIGKILL');
  fs.rmSync(root, { recursive: true });
});

beforeEach(() => {
  warnings = [];
});

it('describes containers, and goes without what Docker no longer tells', () => {
  const [row, gone] = [...containerRows(socket, scan())];
  expect(row).toMatchObject({
    id: ID,
    name: '/database',
    image: 'postgres:16',
    image_id: 'abc',
    command: 'docker-entrypoint.sh postgres',
    created: 1700000000,
    state: 'running',
    status: 'Up 2 hours',
    pid: process.pid,
    path: 'docker-entrypoint.sh',
    config_entrypoint: 'a, b c',
    started_at: '2023-11-14T22:13:20Z',
    finished_at: '0001-01-01T00:00:00Z',
    privileged: true,
    security_options: '',
    env_variables: 'A=1, B=2',
    readonly_rootfs: false,
  });
  expect(`net:[${row?.['net_namespace'] as string}]`).toBe(fs.readlinkSync(`/proc/${process.pid}/ns/net`));
  expect(gone).toEqual({
    id: 'gone',
    name: '',
    image: '',
    image_id: '',
    command: '',
    created: 0,
    state: '',
    status: '',
  });
  expect(warnings).toEqual(['Docker does not answer']);
});

it('asks for details only if they are looked at', () => {
  expect([...containerRows(socket, scan(['id', 'name']))].map((row) => row['pid'])).toEqual([
    undefined,
    undefined,
  ]);
  expect(warnings).toEqual([]);
  expect([...containerRows(socket, scan(null, { id: [ID] }))]).toHaveLength(1);
  expect([...containerRows(socket, scan(null, { name: ['/other'] }))]).toEqual([]);
});

it('lists images', () => {
  expect([...imageRows(socket, scan())]).toEqual([
    { id: 'abc', created: 1690000000, size_bytes: 5000000000, tags: 'postgres:16,db:1' },
  ]);
});

it('lists networks and volumes', () => {
  const bare = { driver: '', created: 0, enable_ipv6: false, subnet: '', gateway: '' };
  expect([...networkRows(socket, scan())]).toEqual([
    {
      id: 'n1',
      name: 'bridge',
      driver: 'bridge',
      created: 1700000000,
      enable_ipv6: false,
      subnet: '172.17.0.0/16',
      gateway: '172.17.0.1',
    },
    { ...bare, id: 'n2', name: 'none' },
  ]);
  expect([...volumeRows(socket, scan())]).toEqual([
    { name: 'v', driver: 'local', mount_point: '/var/lib/docker/volumes/v', type: '' },
  ]);
});

it('does not wait for a Docker that does not answer', () => {
  expect([...versionRows(socket, scan())]).toEqual([]);
  expect(warnings).toEqual(['Docker does not answer']);
});

it('is empty where there is no Docker', async () => {
  expect([...imageRows(join(root, 'none'), scan())]).toEqual([]);
  fs.writeFileSync(join(root, 'file'), '');
  expect([...imageRows(join(root, 'file'), scan())]).toEqual([]);
  expect(warnings).toEqual([]);
  if (fs.existsSync(DOCKER_SOCKET)) return;
  const ask = await openTables();
  expect(ask('select * from docker_containers')).toEqual([]);
  expect(ask('select * from docker_images')).toEqual([]);
});
