import { generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { enrolmentText, PROTOCOL_VERSION, rawPublicKey } from '#libs/protocol/index';
import { startAgent } from '#libs/testing/index';
import { outcome, sql, startWorld, type World } from '../e2e/support.js';
import { RawAgent } from './support/raw-agent.js';

/*
 * Somebody has the enroll secret and knows the machine id and the instance of a host. The host stays whose it is, unless it has been away for long or an
 * operator says otherwise.
 */

interface Machine {
  readonly hardware_uuid: string;
  readonly instance: string;
}
interface Key {
  readonly publicKey: string;
  readonly privateKey: KeyObject;
}

let world: World;
/** The id of the server's key. */
let serverKey: string;

beforeAll(async () => {
  world = await startWorld({ server: { env: { MUSTER_REENROLL_AFTER_HOURS: '2' } } });
  const pins = readFileSync(path.join(world.agent.stateDir, 'server-keys.json'), 'utf8');
  serverKey = (JSON.parse(pins) as { keys: { id: string }[] }).keys[0]!.id;
}, 60_000);

function newKey(): Key {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { privateKey, publicKey: rawPublicKey(privateKey)!.toString('base64') };
}

async function enroll(machine: Machine, more: object = {}) {
  const hostname = 'pretender';
  const { status, body } = await world.client.as().post('/api/v1/agents/enroll', {
    enroll_secret: world.server.enrollSecret,
    protocol: PROTOCOL_VERSION,
    agent_version: '0.0.0',
    hostname,
    facts: { hostname, platform: 'debian', os_version: '1', arch: 'x' },
    ...machine,
    ...more,
  });
  return { status, body: body as Record<string, unknown> };
}

function proof(machine: Machine, challenge: string, key: Key, server_key = serverKey): object {
  const text = enrolmentText({ ...machine, challenge, server_key });
  return { challenge, server_key, signature: sign(null, text, key.privateKey).toString('base64url') };
}

/** A host of its own, that has said hello once and is offline. */
async function victim(key: Key | null): Promise<{ id: number; machine: Machine; nodeKey: string }> {
  const machine = { hardware_uuid: randomUUID(), instance: 'here' };
  const { body } = await enroll(machine, key ? { agent_key: key.publicKey } : {});
  const agent = await RawAgent.dial(world.server, body.host_id as number, body.node_key as string);
  await agent.hello();
  agent.socket.disconnect();
  await goes(body.host_id as number);
  return { id: body.host_id as number, machine, nodeKey: body.node_key as string };
}

async function goes(id: number): Promise<void> {
  for (;;) {
    const [row] = await sql(world.server, 'SELECT online FROM hosts WHERE id = $1', [id]);
    if (!row.online) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function identityOf(id: number): Promise<object> {
  const [row] = await sql(
    world.server,
    `SELECT encode(node_key_hash, 'hex') AS node_key, encode(agent_key, 'base64') AS agent_key, hostname, enrolled_at FROM hosts WHERE id = $1`,
    [id],
  );
  return row as object;
}

async function audited(id: number): Promise<{ outcome: string; details: Record<string, unknown> }[]> {
  return (await sql(
    world.server,
    `SELECT outcome, details FROM audit WHERE act = 'fleet_enrolled' AND host_id = $1 ORDER BY id`,
    [id],
  )) as { outcome: string; details: Record<string, unknown> }[];
}

const refused = { status: 409, body: { message: expect.stringMatching(/muster hosts reenroll \d+/) } };

it('does not get the place of a host that is online, whatever its holder says', async () => {
  const { host } = world;
  const [row] = await sql(
    world.server,
    `SELECT hardware_uuid, instance, encode(agent_key, 'base64') AS key FROM hosts WHERE id = $1`,
    [host.id],
  );
  const machine: Machine = { hardware_uuid: row.hardware_uuid, instance: row.instance };
  const before = await identityOf(host.id);
  const mine = newKey();
  expect(await enroll(machine)).toMatchObject(refused);
  expect(await enroll(machine, { agent_key: mine.publicKey })).toMatchObject(refused);
  const { status, body } = await enroll(machine, { agent_key: row.key });
  expect([status, Object.keys(body).sort()]).toEqual([200, ['challenge', 'server_keys']]);
  for (const wrong of [
    proof(machine, body.challenge as string, mine),
    { ...proof(machine, body.challenge as string, mine), signature: '' },
  ])
    expect(await enroll(machine, { agent_key: row.key, proof: wrong })).toMatchObject(refused);
  // A challenge to a host of its own is none to this one.
  const own = newKey();
  const ownHost = await victim(own);
  const { body: other } = await enroll(ownHost.machine, { agent_key: own.publicKey });
  for (const challenge of [other.challenge as string, `${Date.now() + 1e6}.AAAA`, 'x', '.'])
    expect(
      await enroll(machine, { agent_key: row.key, proof: proof(machine, challenge, own) }),
    ).toMatchObject({ status: 200, body: { challenge: expect.any(String) } });

  expect(await identityOf(host.id)).toEqual(before);
  expect(await outcome(world, 'echo still me')).toMatchObject({ exit_code: 0, output: 'still me\n' });
  const denied = (await audited(host.id)).filter((entry) => entry.outcome === 'denied');
  expect(denied).toMatchObject([{ details: { host_display_name: 'pretender' } }]);
});

it.each([
  ['of an agent with a key', true],
  ['of an agent of before, which has none', false],
])('does not get the place of a host that was there lately: %s', async (_, hasKey) => {
  const { id, machine, nodeKey } = await victim(hasKey ? newKey() : null);
  const before = await identityOf(id);
  expect(await enroll(machine)).toMatchObject(refused);
  expect(await enroll(machine, { agent_key: newKey().publicKey })).toMatchObject(refused);
  expect(await identityOf(id)).toEqual(before);
  await (await RawAgent.dial(world.server, id, nodeKey)).hello();
});

it('once it has been away for long it may be taken by whoever has its machine id, which the record says', async () => {
  const { id, machine, nodeKey } = await victim(newKey());
  const ago = (time: string) =>
    sql(world.server, 'UPDATE hosts SET seen_at = now() - $2::interval WHERE id = $1', [id, time]);
  await ago('1 hour 59 minutes');
  expect(await enroll(machine)).toMatchObject(refused);
  await ago('2 hours 1 minute');
  expect(await enroll(machine)).toMatchObject({ status: 200, body: { host_id: id } });
  expect((await audited(id)).at(-1)).toMatchObject({ outcome: 'done', details: { reenrolled: 'away' } });
  await expect(RawAgent.dial(world.server, id, nodeKey)).rejects.toThrow('unknown_node_key');
});

it('whoever has the key comes back at once, with each challenge once, at this server', async () => {
  const key = newKey();
  const { id, machine } = await victim(key);
  const ask = async () => (await enroll(machine, { agent_key: key.publicKey })).body.challenge as string;
  const elsewhere = proof(machine, await ask(), key, '0123456789abcdef');
  expect(await enroll(machine, { agent_key: key.publicKey, proof: elsewhere })).toMatchObject(refused);
  const shown = proof(machine, await ask(), key);
  expect(await enroll(machine, { agent_key: key.publicKey, proof: shown })).toMatchObject({
    status: 200,
    body: { host_id: id, node_key: expect.any(String) },
  });
  expect((await audited(id)).at(-1)).toMatchObject({ outcome: 'done', details: { reenrolled: 'key' } });
  const after = await identityOf(id);
  const again = await enroll(machine, { agent_key: key.publicKey, proof: shown });
  expect(Object.keys(again.body)).toContain('challenge');
  expect(await identityOf(id)).toEqual(after);
});

it('an operator’s word lets a machine in once, until it expires or is taken back', async () => {
  const { id, machine } = await victim(newKey());
  const route = `/api/v1/fleet/hosts/${id}/reenroll`;
  const allow = async (body?: object) => {
    const answer = await world.client.post(route, body);
    expect([answer.status, answer.body.host_id]).toEqual([200, id]);
    return Date.parse(answer.body.expires_at as string) - Date.now();
  };
  expect(Math.round((await allow()) / 3_600_000)).toBe(24);
  expect((await world.client.delete(route)).status).toBe(200);
  expect(await enroll(machine)).toMatchObject(refused);

  expect(Math.round((await allow({ expires_in: 600 })) / 60_000)).toBe(10);
  await sql(world.server, `UPDATE hosts SET reenroll_until = now() - interval '1 second' WHERE id = $1`, [
    id,
  ]);
  expect(await enroll(machine)).toMatchObject(refused);

  await allow();
  const key = newKey();
  expect(await enroll(machine, { agent_key: key.publicKey })).toMatchObject({
    status: 200,
    body: { host_id: id },
  });
  expect(await identityOf(id)).toMatchObject({ agent_key: key.publicKey });
  expect(await enroll(machine)).toMatchObject(refused);
  const acts = await sql(
    world.server,
    `SELECT act FROM audit WHERE host_id = $1 AND act LIKE '%reenrolment' ORDER BY id`,
    [id],
  );
  expect(acts.map(({ act }) => act as string)).toEqual([
    'allowed_reenrolment',
    'withdrew_reenrolment',
    'allowed_reenrolment',
    'allowed_reenrolment',
  ]);
  for (const expires_in of [0, 59, 2_592_001, 1.5, '600'])
    expect(await world.client.post(route, { expires_in })).toMatchObject({
      status: 400,
      body: { errors: [{ name: 'expires_in' }] },
    });
  expect((await world.client.post('/api/v1/fleet/hosts/999999/reenroll')).status).toBe(404);
});

it('the place of a host that was deleted is a new one', async () => {
  const { id, machine } = await victim(newKey());
  expect((await world.client.delete(`/api/v1/fleet/hosts/${id}`)).status).toBe(200);
  const { status, body } = await enroll(machine);
  expect(status).toBe(200);
  expect(body.host_id).not.toBe(id);
});

it('an enrolment whose answer was lost is done again, with the key and without', async () => {
  const key = newKey();
  for (const more of [{}, { agent_key: key.publicKey }]) {
    const machine = { hardware_uuid: randomUUID(), instance: 'here' };
    const { body: first } = await enroll(machine, more);
    let again = await enroll(machine, more);
    if ('challenge' in again.body)
      again = await enroll(machine, { ...more, proof: proof(machine, again.body.challenge as string, key) });
    expect(again).toMatchObject({ status: 200, body: { host_id: first.host_id } });
  }
});

it('a host of which no key is known gets one with its next hello, and keeps that', async () => {
  const { id, nodeKey } = await victim(null);
  const [first, second] = [newKey(), newKey()];
  for (const { publicKey } of [first, second]) {
    const agent = await RawAgent.dial(world.server, id, nodeKey);
    expect(await agent.hello({ agent_key: publicKey })).toMatchObject({ ok: true });
    agent.socket.disconnect();
    await goes(id);
    expect(await identityOf(id)).toMatchObject({ agent_key: first.publicKey });
  }
  const agent = await RawAgent.dial(world.server, id, nodeKey);
  expect(await agent.hello({ agent_key: 'x' })).toMatchObject({ ok: false });
});

it('keys that are none are a bad request', async () => {
  const machine = { hardware_uuid: randomUUID(), instance: 'here' };
  for (const agent_key of ['', 'x', 'A'.repeat(44), 7])
    expect(await enroll(machine, { agent_key })).toMatchObject({
      status: 400,
      body: { errors: [{ name: 'agent_key' }] },
    });
  expect(await enroll(machine, { proof: { challenge: '' } })).toMatchObject({ status: 400 });
});

it('two agents of one machine are two hosts, each with its own key', async () => {
  const second = startAgent({ server: world.server });
  const { id } = await second.online();
  expect(id).not.toBe(world.host.id);
  await second.stop();
});
