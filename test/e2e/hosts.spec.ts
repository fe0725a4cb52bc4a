import { execFileSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import { api, startAgent, startServer, until, type AgentFixture, type Answer } from '#libs/testing/index';
import { expectProblem, startWorld, type World } from './support.js';

let world: World;
let twin: AgentFixture;
let twinHost: { id: number; uuid: string };
let first: Answer;

beforeAll(async () => {
  const server = await startServer();
  first = await (await api(server).login()).get('/api/v1/fleet/hosts');
  world = await startWorld({ server, agent: { args: ['--label', 'role=web', '--label', 'zone=eu-1.b'] } });
  twin = startAgent({ server, args: ['--disable-scripts'] });
  twinHost = await twin.online();
});

const hostOf = async (id: number) => (await world.client.get(`/api/v1/fleet/hosts/${id}`)).body.host;

const command = (file: string, ...args: string[]) => execFileSync(file, args, { encoding: 'utf8' }).trim();

const osRelease = (key: string) =>
  new RegExp(`^${key}="?([^"\n]*)"?$`, 'm').exec(readFileSync('/etc/os-release', 'utf8'))?.[1];

describe('the facts of a host', () => {
  it('are what the system itself says', async () => {
    const host = await hostOf(world.host.id);
    const meminfo = /^MemTotal:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
    expect(host).toMatchObject({
      hostname: world.agent.hostname,
      display_name: world.agent.hostname,
      display_text: world.agent.hostname,
      computer_name: command('hostname'),
      platform: osRelease('ID'),
      os_version: osRelease('PRETTY_NAME'),
      arch: command('uname', '-m'),
      kernel_version: command('uname', '-r'),
      memory: Number(meminfo) * 1024,
      cpu_logical_cores: Number(command('nproc')),
      cpu_brand: /^model name\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1],
      status: 'online',
      scripts_enabled: true,
      agent_labels: { role: 'web', zone: 'eu-1.b' },
      team_id: null,
    });
    const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
    expect(Math.abs(host.uptime / 1e9 - uptime)).toBeLessThan(120);
    expect(Date.now() - Date.parse(host.seen_time as string)).toBeLessThan(5_000);
  });

  it('name every address, and the one of the default route first', async () => {
    const interfaces = JSON.parse(command('ip', '-j', 'addr')) as {
      ifname: string;
      address: string;
      flags: string[];
      addr_info: { local: string; family: 'inet' | 'inet6' }[];
    }[];
    const expected = interfaces
      .filter(({ flags }) => flags.includes('UP') && flags.includes('LOWER_UP'))
      .flatMap(({ ifname, address, flags, addr_info }) =>
        addr_info.map(({ local, family }) => ({
          interface: ifname,
          address: local,
          family: family === 'inet' ? 'IPv4' : 'IPv6',
          mac: address,
          internal: flags.includes('LOOPBACK'),
        })),
      );
    const byName = (a: { address: string }, b: { address: string }) => a.address.localeCompare(b.address);
    const { addresses } = await hostOf(world.host.id);
    expect([...addresses].sort(byName)).toEqual(expected.sort(byName));
    const [route] = JSON.parse(command('ip', '-j', 'route', 'show', 'default')) as { dev: string }[];
    const primary = expected.find(({ interface: name, family }) => name === route?.dev && family === 'IPv4');
    await until(async () => (await hostOf(world.host.id)).primary_ip === (primary?.address ?? ''));
    expect((await hostOf(world.host.id)).primary_mac).toBe(primary?.mac ?? '');
  });

  it('tell, soon after connecting, the disk', async () => {
    const { blocks, bsize } = statfsSync('/');
    const host = await until(async () => {
      const seen = await hostOf(world.host.id);
      return seen.gigs_total_disk_space > 0 ? seen : undefined;
    });
    expect(host.gigs_total_disk_space).toBeCloseTo((blocks * bsize) / 1e9, 3);
    expect(host.percent_disk_space_available).toBeGreaterThan(0);
    expect(host.percent_disk_space_available).toBeLessThanOrEqual(100);
  });

  it('bear the machine’s own uuid, and another one for a second agent on it', async () => {
    const { uuid } = await hostOf(world.host.id);
    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(twinHost.uuid).not.toBe(uuid);
    const machine = machineId();
    if (machine !== null) expect(withoutVersion(uuid as string)).toBe(withoutVersion(machine));
  });
});

/** The firmware's uuid, else the system's id; only root may read the first. */
function machineId(): string | null {
  for (const file of ['/sys/class/dmi/id/product_uuid', '/etc/machine-id']) {
    try {
      const hex = readFileSync(file, 'utf8').trim().toLowerCase().replaceAll('-', '');
      if (/^[0-9a-f]{32}$/.test(hex) && !/^(0|f)\1+$/.test(hex)) return hex;
    } catch {
      // the next one
    }
  }
  return null;
}

/** Uuids have version and variant bits, machine ids have not. */
const withoutVersion = (uuid: string) =>
  uuid.replaceAll('-', '').replace(/^(.{12}).(.{3}).(.*)$/, '$1.$2.$3');

describe('one host', () => {
  it('is found by id, hostname and uuid, in any case of the latter', async () => {
    const { id, uuid } = world.host;
    for (const identifier of [world.agent.hostname, uuid, uuid.toUpperCase(), String(id)]) {
      const { status, body } = await world.client.get(`/api/v1/fleet/hosts/identifier/${identifier}`);
      expect({ identifier, status, id: body.host?.id }).toEqual({ identifier, status: 200, id });
    }
    const { body } = await world.client.get(`/api/latest/fleet/hosts/${id}`);
    expect(body.host).toMatchObject({ id, packs: [], policies: [] });
    expect(body.host.labels).toContainEqual(
      expect.objectContaining({ name: 'All Hosts', label_type: 'builtin', label_membership_type: 'dynamic' }),
    );
  });

  it('is found under a name with slashes, per cent signs and letters of other scripts', async () => {
    const hostname = 'räck/7 100%+ü';
    const agent = startAgent({ server: world.server, hostname });
    const { id } = await agent.online();
    const name = encodeURIComponent(hostname);
    const { status, body } = await world.client.get(`/api/v1/fleet/hosts/identifier/${name}`);
    expect([status, body.host?.id]).toEqual([200, id]);
    await agent.stop();
  });

  it('that does not exist is a 404, an impossible id a 400', async () => {
    const missing = await world.client.get('/api/v1/fleet/hosts/999999');
    expectProblem(missing, 404, 'base', 'Host 999999 was not found in the datastore');
    for (const id of ['abc', '1e0', '-1', '0x1', '1.0'])
      expect({ id, status: (await world.client.get(`/api/v1/fleet/hosts/${id}`)).status }).toEqual({
        id,
        status: 404,
      });
    expectProblem(await world.client.get('/api/v1/fleet/hosts/4294967296'), 400, 'id', /\S/);
    for (const name of ['nobody', '%20', 'x'.repeat(5_000)]) {
      const answer = await world.client.get(`/api/v1/fleet/hosts/identifier/${name}`);
      expectProblem(answer, 404, 'base', /^Host .* was not found in the datastore$/);
    }
  });

  it('cannot have a name that is no text', async () => {
    for (const name of ['%00', 'a%00b', '%ED%A0%80', '%ff']) {
      const answer = await world.client.get(`/api/v1/fleet/hosts/identifier/${name}`);
      expect({ name, refused: [400, 404].includes(answer.status) }).toEqual({ name, refused: true });
    }
  });

  it('that shares its hostname is a conflict that names both ids', async () => {
    const agent = startAgent({ server: world.server, hostname: twin.hostname });
    const both = () => world.client.get(`/api/v1/fleet/hosts?query=${twin.hostname}&status=online`);
    const hosts = await until(async () => {
      const { body } = await both();
      return body.hosts.length === 2 ? (body.hosts as { id: number; uuid: string }[]) : undefined;
    });
    const path = (name: string) => `/api/v1/fleet/hosts/identifier/${name}`;
    const answer = await world.client.get(path(twin.hostname));
    expect(answer.status).toBe(409);
    const ids = /ids (\d+), (\d+)/
      .exec(answer.body.errors[0].reason as string)
      ?.slice(1)
      .map(Number);
    expect(ids?.sort()).toEqual(hosts.map(({ id }) => id).sort());
    for (const { id, uuid } of hosts) expect((await world.client.get(path(uuid))).body.host.id).toBe(id);
    await agent.stop();
  });

  it('with scripts disabled refuses them, in Fleet’s words', async () => {
    expect((await hostOf(twinHost.id)).scripts_enabled).toBe(false);
    const answer = await world.client.post('/api/v1/fleet/scripts/run', {
      host_id: twinHost.id,
      script_contents: 'true',
    });
    expect(answer.body.message).toBe('Unprocessable Entity');
    const reason = "Couldn't run script. To run a script, deploy the fleetd agent with --enable-scripts.";
    expectProblem(answer, 422, 'base', reason);
  });
});

describe('the list of hosts', () => {
  const list = async (query: string) => {
    const { status, body } = await world.client.get(`/api/v1/fleet/hosts?${query}`);
    return { status, ids: (body.hosts as { id: number }[] | undefined)?.map(({ id }) => id), body };
  };

  it('is an empty array, not null, before the first host', () => {
    expect([first.status, first.body]).toEqual([200, { hosts: [] }]);
  });

  it('filters, sorts and pages', async () => {
    const all = (await list('')).ids!;
    expect(all).toEqual([...all].sort((a, b) => a - b));
    expect(all).toEqual(expect.arrayContaining([world.host.id, twinHost.id]));
    expect((await list('order_key=id&order_direction=desc')).ids).toEqual([...all].reverse());
    const names = (await list('order_key=hostname')).body.hosts.map((h: { hostname: string }) => h.hostname);
    expect(names).toEqual([...names].sort());
    expect((await list('per_page=1')).ids).toEqual(all.slice(0, 1));
    expect((await list('per_page=1&page=1')).ids).toEqual(all.slice(1, 2));
    expect((await list('page=0')).ids).toEqual(all.slice(0, 20));
    expect((await list('page=1000')).ids).toEqual([]);
    expect((await list(`query=%20${twin.hostname.slice(0, 9).toUpperCase()}%20`)).ids).toContain(twinHost.id);
    expect((await list(`query=${world.host.uuid}`)).ids).toEqual([world.host.id]);
    expect((await list('query=%25')).ids?.length).toBeLessThan(all.length);
    expect((await list('query=no-such-thing')).ids).toEqual([]);
    expect((await list('status=online')).ids).toEqual(expect.arrayContaining([world.host.id, twinHost.id]));
    expect((await list('status=offline')).ids).not.toContain(world.host.id);
  });

  it.each([
    ['page=x', 'base', 'non-int page value'],
    ['page=1.5', 'base', 'non-int page value'],
    ['page=-1', 'base', 'negative page value'],
    ['per_page=x', 'base', 'non-int per_page value'],
    ['per_page=0', 'base', 'invalid per_page value'],
    ['per_page=-1', 'base', 'invalid per_page value'],
    ['order_direction=asc', 'base', 'order_key must be specified with order_direction'],
    ['order_key=id&order_direction=up', 'base', 'unknown order_direction: up'],
    ['after=1', 'base', 'order_key must be specified with after'],
    ['order_key=node_key_hash', 'order_key', /^must be one of/],
    ['status=gone', 'status', /online or offline/],
    ['page=1&page=2', 'page', /\S/],
  ])('answers 400 to ?%s', async (query, name, reason) => {
    expectProblem(await world.client.get(`/api/v1/fleet/hosts?${query}`), 400, name, reason);
  });

  it('is for those who may read', async () => {
    expect((await api(world.server).get('/api/v1/fleet/hosts')).status).toBe(401);
  });
});
