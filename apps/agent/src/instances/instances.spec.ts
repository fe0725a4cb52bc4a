import 'reflect-metadata';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { instancesRevision, type InstanceDefinition } from '#libs/protocol/index';
import { type Agent } from '../agent.js';
import { startAgentHere } from '../testing/agent-here.js';
import { instanceOf, orderFor, ProtocolServer } from '../testing/protocol-server.js';
import { removeTemporary, temporaryDirectory } from '../testing/temporary.js';

let server: ProtocolServer;
let url: string;
let stateDir: string;
let room: string;
let logged: string[] = [];
const agents: Agent[] = [];

beforeEach(async () => {
  server = new ProtocolServer();
  url = await server.listen();
  stateDir = temporaryDirectory();
  room = temporaryDirectory();
  logged = [];
});
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.stop('test')));
  await server.close();
});
afterAll(removeTemporary);

async function startAgent(...flags: string[]): Promise<Agent> {
  const agent = await startAgentHere(
    { server: url, stateDir, write: (line) => void logged.push(line) },
    ...flags,
  );
  agents.push(agent);
  return agent;
}

/** Looked at often: for what happens on the host, which nobody is told of. */
async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setTimeout(resolve, 20));
}

const inRoom = (name: string): string => path.join(room, name);
const lines = (name: string): string[] =>
  fs.existsSync(inRoom(name)) ? fs.readFileSync(inRoom(name), 'utf8').trim().split('\n') : [];
const onFile = (name: string): string => `/files/file[@path='${inRoom(name)}']`;
/** Writes what it is given to a file, a line each time, and ends. */
const noting = (): string => `#!/bin/sh\necho "$*" >> ${inRoom('notes')}\necho done\n`;
const when = (setting: string): InstanceDefinition['start_trigger'] => ({ type: 'xpath', setting });

describe('instances', () => {
  it('start and stop with a file, and the server hears of the run before its reports', async () => {
    await startAgent();
    const script = 'echo begun; exec sleep 60';
    const definition = instanceOf(script, {
      start_trigger: when(onFile('flag')),
      stop_trigger: { type: 'xpath', setting: `not(${onFile('flag')})` },
      arguments: ['-v'],
    });
    const revision = await server.instances([definition], [script]);
    expect((await server.checkTriggers({ start_trigger: definition.start_trigger })).start).toMatchObject({
      would_fire: false,
      why: 'selects nothing now; fires when that appears',
    });
    const before = Date.now();
    await until(() => fs.existsSync(path.join(stateDir, 'instances/known.json')));
    fs.writeFileSync(inRoom('flag'), '');
    await server.until(() => server.triggered.length === 1);
    const [run] = server.triggered;
    expect(run).toMatchObject({
      instance_id: 1,
      content_sha256: definition.content_sha256,
      arguments: ['-v'],
      trigger: { type: 'xpath', setting: onFile('flag') },
    });
    expect(run?.started_at).toBeGreaterThanOrEqual(before);
    const id = run?.attempt_id ?? '';
    await server.until(() => server.output(id).toString() === 'begun\n');
    // At most one run of it at a time.
    const order = orderFor(
      { type: 'script', contents: script, arguments: [] },
      { kind: 'instance', instance: { id: 1 } },
    );
    expect(await server.run(order)).toMatchObject([{ accepted: false, reason: 'already_running' }]);
    fs.rmSync(inRoom('flag'));
    expect(await server.ended(id)).toMatchObject({
      outcome: 'killed',
      reason: 'stop_trigger',
      stop_trigger: { type: 'xpath', setting: `not(${onFile('flag')})` },
    });
    expect(server.triggered).toHaveLength(1);
    expect(fs.statSync(path.join(stateDir, 'instances/set.json')).mode & 0o777).toBe(0o600);
    server.cut();
    await server.until(() => server.hellos.length === 2);
    expect(server.hellos[1]?.instances_revision).toBe(revision);
  });

  it('run while the server is away; it hears of all of them, in order, with their times', async () => {
    await startAgent();
    const script = noting();
    const definitions = [1, 2, 3].map((id) =>
      instanceOf(script, {
        id,
        start_trigger: when(`${onFile('count')}/size = ${id}`),
        arguments: [`run ${id}`],
      }),
    );
    fs.writeFileSync(inRoom('count'), '');
    await server.instances(definitions, [script]);
    await server.close();
    const times: number[] = [];
    for (let count = 1; count <= 3; count += 1) {
      times.push(Date.now());
      fs.appendFileSync(inRoom('count'), 'x');
      await until(() => lines('notes').length === count);
      await until(() => logged.filter((line) => line.includes('"ended"')).length === count);
    }
    const back = Date.now();
    // An acknowledgement that is lost costs nothing but a repetition.
    let lost = 1;
    server.triggeredAck = () =>
      lost-- > 0 ? { ok: false, error: 'busy', retry_after_ms: 1 } : { status: 'ok' };
    await server.listen();
    await server.until(() => server.triggered.length === 3);
    for (const { attempt_id } of server.triggered) {
      expect(await server.ended(attempt_id)).toMatchObject({ outcome: 'finished', exit_code: 0 });
      expect(server.output(attempt_id).toString()).toBe('done\n');
    }
    expect(server.triggered.map(({ instance_id }) => instance_id)).toEqual([1, 2, 3]);
    server.triggered.forEach(({ started_at, attempt_id }, index) => {
      expect(started_at).toBeGreaterThanOrEqual(times[index] ?? 0);
      expect(started_at).toBeLessThan(times[index + 1] ?? back);
      expect(server.of(attempt_id).startedAt).toBeLessThanOrEqual(back);
    });
    expect(server.hellos.at(-1)?.attempts).toHaveLength(3);
    expect(server.hellos.at(-1)?.attempts.every(({ unannounced }) => unannounced === true)).toBe(true);
  });

  it('go on after a restart without the server, with what they know', async () => {
    const first = await startAgent();
    const script = noting();
    const definitions = [
      instanceOf(script, {
        id: 1,
        start_trigger: when(`${onFile('flag')}/size > 0`),
        arguments: ['condition'],
      }),
      instanceOf(script, { id: 2, start_trigger: when(onFile('flag')), arguments: ['path'] }),
    ];
    fs.writeFileSync(inRoom('flag'), 'x');
    await server.instances(definitions, [script]);
    // True at first: it fires. There at first: it does not.
    await server.until(() => server.triggered.length === 1);
    await server.ended(server.triggered[0]?.attempt_id ?? '');
    await first.stop('test');
    await server.close();
    fs.writeFileSync(inRoom('flag'), 'other');
    await startAgent();
    await until(() => lines('notes').length === 2);
    expect(lines('notes')).toEqual(['condition', 'path']);
    await server.listen();
    await server.until(() => server.triggered.length === 2);
    expect(server.triggered.map(({ instance_id }) => instance_id)).toEqual([1, 2]);
    expect(server.hellos.at(-1)?.instances_revision).toBe(instancesRevision(definitions));
  });

  it('run by schedule, and missed times are made up for as they say', async () => {
    const first = await startAgent();
    const script = noting();
    const schedule = { type: 'schedule', setting: '0 0 1 1 *', timezone: 'UTC', missed: 'once' } as const;
    const definition = instanceOf(script, { start_trigger: schedule, arguments: ['new year'] });
    const often = instanceOf(script, {
      id: 2,
      start_trigger: { type: 'schedule', setting: '* * * * * *' },
      arguments: ['second'],
    });
    await server.instances([definition, often], [script]);
    await server.until(() => server.triggered.length >= 2);
    expect(server.triggered.every(({ instance_id }) => instance_id === 2)).toBe(true);
    await server.instances([definition], [script]);
    const known = path.join(stateDir, 'instances/known.json');
    await first.stop('test');
    const noted = JSON.parse(fs.readFileSync(known, 'utf8')) as Record<string, { seen: string }>;
    expect(Number(noted['1']?.seen)).toBeGreaterThan(Date.now() - 60_000);
    // As if it had been away for three years.
    const then = String(Date.now() - 3 * 366 * 86_400_000);
    fs.writeFileSync(known, JSON.stringify({ '1': { ...noted['1'], seen: then } }));
    await startAgent();
    await server.until(() => server.triggered.some(({ instance_id }) => instance_id === 1));
    await until(() => lines('notes').includes('new year'));
    expect(lines('notes').filter((line) => line === 'new year')).toHaveLength(1);
  });

  it('are forgotten when the server knows nothing of them', async () => {
    await startAgent();
    server.triggeredAck = () => ({ status: 'gone' });
    const script = 'exec sleep 60';
    await server.instances([instanceOf(script, { start_trigger: when('true()') })], [script]);
    await until(() => logged.some((line) => line.includes('"ended"')));
    expect(server.messages).toEqual([]);
    server.cut();
    await server.until(() => server.hellos.length === 2);
    expect(server.hellos[1]?.attempts).toEqual([]);
  });

  it('end with the agent, and say so', async () => {
    const agent = await startAgent();
    const script = 'echo begun; exec sleep 60';
    await server.instances([instanceOf(script, { start_trigger: when('true()') })], [script]);
    await server.until(() => server.triggered.length === 1);
    const id = server.triggered[0]?.attempt_id ?? '';
    await server.until(() => server.output(id).length > 0);
    await agent.stop('test');
    expect(await server.ended(id)).toMatchObject({
      reason: 'agent_shutdown',
      stop_trigger: { type: 'system' },
    });
  });

  it('are refused where scripts are disabled', async () => {
    await startAgent('--disable-scripts');
    await server.until(() => server.hellos.length === 1);
    expect(server.hellos[0]).not.toHaveProperty('instances_revision');
  });

  it('are none of an agent that has none', async () => {
    await startAgent();
    await server.until(() => server.hellos.length === 1);
    expect(server.hellos[0]?.instances_revision).toBeNull();
    expect(fs.existsSync(path.join(stateDir, 'instances'))).toBe(false);
  });
});

describe('facts', () => {
  it('are answered as XML, as values, and with what is wrong', async () => {
    await startAgent();
    await server.until(() => server.connected);
    fs.writeFileSync(path.join(stateDir, 'facts/uplink'), 'down & out\n');
    expect(await server.askFacts('/custom/uplink')).toEqual({
      xml: '<uplink name="uplink">down &amp; out</uplink>',
    });
    expect(await server.askFacts("/custom/uplink = 'up'")).toEqual({ value: false });
    expect(await server.askFacts('count(/networking/lo)')).toEqual({
      value: process.platform === 'linux' ? 1 : 0,
    });
    expect(await server.askFacts('/nothing')).toEqual({ xml: '' });
    expect(await server.askFacts('/custom[')).toMatchObject({
      error: expect.stringContaining('at character 9') as unknown,
    });
    expect((await server.askFacts(`/files/file[@path='${room}']/type`)).xml).toBe('<type>directory</type>');
    const whole = (await server.askFacts(null)).xml ?? '';
    for (const name of ['system', 'os', 'networking', 'mounts', 'files', 'custom'])
      expect(whole).toMatch(new RegExp(`^<${name}[ />]`, 'm'));
  });

  it('say what triggers would do', async () => {
    await startAgent();
    const check = await server.checkTriggers({
      start_trigger: { type: 'schedule', setting: '0 0 30 2 *' },
      stop_trigger: { type: 'xpath', setting: "/os/arch != ''" },
    });
    expect(check.start).toMatchObject({ would_fire: false, error: 'this never comes to pass' });
    expect(check.stop).toMatchObject({ would_fire: true });
    const { start } = await server.checkTriggers({
      start_trigger: { type: 'schedule', setting: '* * * * *' },
    });
    expect(start?.next_at).toBeGreaterThan(Date.now() - 1000);
  });

  it('are nobody’s business with --disable-queries', async () => {
    await startAgent('--disable-queries');
    expect(await server.askFacts('/os')).toMatchObject({
      error: expect.stringContaining('--disable-queries') as unknown,
    });
    const { start } = await server.checkTriggers({ start_trigger: { type: 'xpath', setting: '/os' } });
    expect(start).toMatchObject({
      would_fire: false,
      error: expect.stringContaining('--disable-queries') as unknown,
    });
  });
});
