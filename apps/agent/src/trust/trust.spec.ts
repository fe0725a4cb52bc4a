import * as fs from 'node:fs';
import * as path from 'node:path';
import {
  decodePublicKey,
  enrolmentText,
  type Envelope,
  HELLO_ANSWER,
  type Hello,
  seal,
  sealable,
  ServerEvent,
  type Standing,
  verifySignature,
} from '#libs/protocol/index';
import { type Agent } from '../agent.js';
import { startAgentHere } from '../testing/agent-here.js';
import { ProtocolServer, queryOrder, shellOrder } from '../testing/protocol-server.js';
import { newSigningKey } from '../testing/signing-key.js';
import { removeTemporary, temporaryDirectory } from '../testing/temporary.js';

let server: ProtocolServer;
let url: string;
let stateDir: string;
let log: string;
const agents: Agent[] = [];

beforeEach(async () => {
  server = new ProtocolServer();
  url = await server.listen();
  stateDir = temporaryDirectory();
  log = '';
});
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.stop('test')));
  await server.close();
});
afterAll(removeTemporary);

async function startAgent(...flags: string[]): Promise<Agent> {
  const here = {
    server: url,
    stateDir,
    logLevel: 'info',
    write: (line: string) => void (log += line),
  } as const;
  const agent = await startAgentHere(here, '--hostname', 'box', ...flags);
  agents.push(agent);
  return agent;
}

async function stopAgent(): Promise<void> {
  await agents.pop()?.stop('test');
  await server.until(() => !server.connected);
}

async function restart(...flags: string[]): Promise<void> {
  await stopAgent();
  await startAgent(...flags);
}

/** Cuts the line; resolves with the hello of the next connection. */
async function reconnected(): Promise<Hello> {
  const seen = server.hellos.length;
  server.cut();
  await server.until(() => server.hellos.length > seen);
  return server.hellos.at(-1)!;
}

interface Pins {
  host_uuid: string;
  keys: { id: string; until?: number }[];
}

function pins(): Pins {
  return JSON.parse(fs.readFileSync(path.join(stateDir, 'server-keys.json'), 'utf8')) as Pins;
}

async function runs(): Promise<void> {
  const order = shellOrder('true');
  expect(await server.run(order)).toEqual([{ attempt_id: order.attempt_id, accepted: true }]);
  expect(await server.ended(order.attempt_id)).toMatchObject({ exit_code: 0 });
}

/** Resolves when the agent has hung up on a server that it does not trust. */
async function distrusted(code: string): Promise<void> {
  await server.until(() =>
    server.refusals.some((refusal) => refusal.type === HELLO_ANSWER && refusal.code === code),
  );
  await server.until(() => !server.connected);
}

describe('the server’s key', () => {
  it('is pinned at the enrolment, for the agent alone to read', async () => {
    await startAgent();
    await runs();
    expect(pins()).toMatchObject({ host_uuid: server.hostUuid, keys: [{ id: server.key.keyId }] });
    expect(fs.statSync(path.join(stateDir, 'server-keys.json')).mode & 0o777).toBe(0o600);
    expect((await reconnected()).server_keys).toEqual([server.key.keyId]);
  });

  it('is pinned at the first hello by an agent that was enrolled before, which says so', async () => {
    await startAgent();
    await server.until(() => server.connected);
    await stopAgent();
    fs.rmSync(path.join(stateDir, 'server-keys.json'));
    await startAgent();
    await runs();
    expect(server.enrolments).toHaveLength(1);
    expect(server.hellos.at(-1)?.server_keys).toEqual([]);
    expect(pins().keys).toEqual([server.key.told]);
    expect(log).toContain('enrolled before servers signed: this server key is trusted from now on');
  });

  it('is another one: the agent hangs up, says why, and comes back to the right one', async () => {
    await startAgent();
    await server.until(() => server.connected);
    const proper = server.key;
    server.key = newSigningKey();
    await reconnected();
    await distrusted('unknown_key');
    expect(log).toContain(`is not the one that this agent trusts (${proper.keyId})`);
    server.key = proper;
    await runs();
  });

  it('still has to be the same for an agent that is told to enroll again', async () => {
    await startAgent();
    await server.until(() => server.connected);
    const proper = server.key;
    server.key = newSigningKey();
    server.nodeKeys.clear();
    server.cut();
    await server.until(() => server.enrolments.length === 2);
    expect(fs.existsSync(path.join(stateDir, 'identity.json'))).toBe(false);
    server.key = proper;
    await runs();
    expect(log).toContain('not enrolled');
    expect(pins().keys).toEqual([proper.told]);
  });

  it('has to be a trusted one, too, for the agent to show it whose host this is', async () => {
    await startAgent();
    await server.until(() => server.connected);
    const proper = server.key;
    server.key = newSigningKey();
    server.challenge = 'sign this';
    server.nodeKeys.clear();
    server.cut();
    await server.until(() => server.enrolments.length === 2);
    server.key = proper;
    await runs();
    const [first, , ...others] = server.enrolments;
    expect(first?.agent_key).toBe(server.hellos.at(-1)?.agent_key);
    const [, shown] = others;
    expect(others).toHaveLength(2);
    expect(others[0]?.proof).toBeUndefined();
    const { challenge, server_key, signature } = shown!.proof!;
    expect([challenge, server_key]).toEqual(['sign this', proper.keyId]);
    const { publicKey } = decodePublicKey(shown!.agent_key!)!;
    const text = enrolmentText({ ...shown!, challenge, server_key });
    expect(verifySignature(publicKey, text, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(log).toContain('is not the one that this agent trusts');
  });

  it('does not make this host another one', async () => {
    await startAgent();
    await server.until(() => server.connected);
    const uuid = server.hostUuid;
    server.hostUuid = '11111111-1111-4111-8111-111111111111';
    server.nodeKeys.clear();
    server.cut();
    await server.until(() => server.enrolments.length === 2);
    server.hostUuid = uuid;
    await runs();
    expect(log).toContain(`which was ${uuid} before`);
  });

  it('on the command line is the only one that counts, as a whole or by its id', async () => {
    await startAgent('--server-key', newSigningKey().told.public_key);
    await server.until(() => server.enrolments.length === 2);
    await stopAgent();
    expect(log).toContain('is not the one that this agent trusts');
    expect(server.hellos).toEqual([]);
    await startAgent('--server-key', server.key.keyId);
    await runs();
    await restart('--server-key', server.key.told.public_key);
    await runs();
    const other = newSigningKey();
    await restart('--server-key', other.told.public_key);
    await distrusted('unknown_key');
    server.key = other;
    await runs();
  });

  it('gives way to the one that it names; not to one that names itself, nor when it has been replaced', async () => {
    await startAgent('--server-key', server.key.keyId);
    await server.until(() => server.connected);
    const [first, second, thief] = [server.key, newSigningKey(), newSigningKey()];
    Object.assign(server, { key: second, previousKey: first });
    await reconnected();
    await runs();
    expect(pins().keys).toMatchObject([{ id: second.keyId }, { id: first.keyId, until: expect.any(Number) }]);

    // Whoever has stolen the key of before cannot bring another one along.
    const stolen = (hello: Hello): Envelope => {
      const keys = { challenge: hello.challenge, server_keys: [thief.told, first.told] };
      const ack = {
        ok: true,
        host_id: 7,
        host_uuid: server.hostUuid,
        server_time: Date.now(),
        stale: [],
        ...keys,
      };
      return seal(sealable(HELLO_ANSWER, { message: ack, parts: {} }), [server.hostUuid], first);
    };
    server.greeting = stolen;
    await reconnected();
    server.greeting = null;
    expect((await reconnected()).server_keys).toEqual([second.keyId, first.keyId]);

    server.previousKey = null;
    expect((await reconnected()).server_keys).toHaveLength(2);
    expect((await reconnected()).server_keys).toEqual([second.keyId]);
    await restart('--server-key', first.keyId);
    await runs();
  });

  it.each<[string, string, (hello: Hello, proper: Envelope) => unknown]>([
    ['unsigned', 'unsigned', () => ({ ok: true, host_id: 7, host_uuid: '', server_time: 1, stale: [] })],
    [
      'edited',
      'bad_signature',
      (_, proper) => ({ ...proper, body: proper.body.replace('"ok":true', '"ok": true') }),
    ],
  ])('has not signed the answer to a hello (%s): nothing of it counts', async (_, code, greeting) => {
    await startAgent();
    await runs();
    server.greeting = greeting;
    await reconnected();
    await distrusted(code);
    server.greeting = null;
    await runs();
  });

  it('has signed the answer to another hello, which is no answer to this one', async () => {
    let first: Envelope | null = null;
    server.greeting = (_, proper) => (first ??= proper);
    await startAgent();
    await server.until(() => server.connected);
    await reconnected();
    await distrusted('replayed');
    server.greeting = null;
    await runs();
  });
});

describe('an envelope', () => {
  it('is taken once, also across restarts', async () => {
    await startAgent();
    const order = shellOrder(`echo x >> ${stateDir}/count`);
    await server.until(() => server.connected);
    const run = server.seal(ServerEvent.run, { orders: [order] });
    const asked = server.seal(ServerEvent.factsQuery, { xpath: 'count(/*)' });
    expect(await server.bare(ServerEvent.run, run)).toMatchObject({ answers: [{ accepted: true }] });
    expect(await server.bare(ServerEvent.factsQuery, asked)).toHaveProperty('value');
    await server.ended(order.attempt_id);
    let told = 0;
    for (const again of ['in the same process', 'in the next one']) {
      // What is known here is never said not to have started.
      expect([again, await server.bare(ServerEvent.run, run)]).toMatchObject([
        again,
        { refused: 'replayed' },
      ]);
      expect(await server.bare(ServerEvent.factsQuery, asked)).toMatchObject({ refused: 'replayed' });
      told += 2;
      await server.until(() => server.refusals.length === told);
      await restart();
      await server.until(() => server.connected);
    }
    expect(fs.readFileSync(path.join(stateDir, 'count'), 'utf8')).toBe('x\n');
    expect(server.refusals[0]).toMatchObject({
      code: 'replayed',
      type: 'run',
      attempt_id: order.attempt_id,
      count: 1,
    });
  });

  it('that says the same anew is a repeated order: answered again, and not started again', async () => {
    await startAgent();
    const order = shellOrder(`echo x >> ${stateDir}/count`);
    for (let time = 0; time < 3; time += 1)
      expect(await server.run(order)).toMatchObject([{ accepted: true }]);
    await server.ended(order.attempt_id);
    expect(fs.readFileSync(path.join(stateDir, 'count'), 'utf8')).toBe('x\n');
  });

  it('that was refused, and said to be, never starts, when what was signed comes late', async () => {
    await startAgent();
    await server.until(() => server.connected);
    const [one, other] = [shellOrder(`touch ${stateDir}/one`), shellOrder('true')];
    const proper = server.seal(ServerEvent.run, { orders: [one, other] });
    const edited = { ...proper, body: proper.body.replace(other.attempt_id, shellOrder('true').attempt_id) };
    expect(await server.bare(ServerEvent.run, edited)).toMatchObject({
      answers: [
        { attempt_id: one.attempt_id, accepted: false, reason: 'bad_signature' },
        { accepted: false },
      ],
    });
    const { answers } = (await server.bare(ServerEvent.run, proper)) as { answers: unknown[] };
    expect(answers).toMatchObject([
      { attempt_id: other.attempt_id, accepted: true },
      { attempt_id: one.attempt_id, accepted: false, reason: 'bad_signature' },
    ]);
    await server.ended(other.attempt_id);
    expect(fs.existsSync(path.join(stateDir, 'one'))).toBe(false);
  });

  it('is needed for queries and standing work, too', async () => {
    await startAgent();
    await server.until(() => server.connected);
    const campaign = { queries: [queryOrder(1, 'select 1 as one')] };
    server.emit(ServerEvent.query, campaign);
    server.emit(ServerEvent.standing, {
      remove: [],
      blocks: [{ id: 'options', hash: 'h', kind: 'options', options: { scripts_enabled: false } }],
    });
    server.emit(ServerEvent.query, {
      ...server.seal(ServerEvent.query, campaign),
      key: newSigningKey().keyId,
    });
    await server.query(queryOrder(2, 'select 2 as two'));
    await server.answered(2);
    await server.until(() => server.refusals.length === 3);
    expect(server.refusals.map(({ code, type }) => [type, code])).toEqual([
      ['query', 'unsigned'],
      ['standing', 'unsigned'],
      ['query', 'unknown_key'],
    ]);
    expect(server.answers.map(({ campaign_id }) => campaign_id)).toEqual([2]);
    await runs();
  });

  it('of a set that came after a newer one does not bring back what that has ended', async () => {
    await startAgent();
    await server.until(() => server.connected);
    const options = (hash: string, enabled: boolean): Standing => ({
      remove: [],
      blocks: [{ id: 'options', hash, kind: 'options', options: { scripts_enabled: enabled } }],
    });
    // Signed a second ago, and held up by whoever has the line.
    server.clockOffset = -1000;
    const held = server.seal(ServerEvent.standing, options('old', false));
    server.clockOffset = 0;
    await server.standing(options('new', true));
    server.emit(ServerEvent.standing, held);
    await server.until(() => server.refusals.length === 1);
    expect(server.refusals[0]).toMatchObject({ type: 'standing', code: 'replayed' });
    await runs();
    // When the server's clock is set back, its word still counts.
    server.clockOffset = -30_000;
    await reconnected();
    await server.standing(options('last', false));
    expect(await server.run(shellOrder('true'))).toMatchObject([{ accepted: false }]);
    expect(server.refusals).toHaveLength(1);
  });

  it('is judged by the server’s clock, which is asked for when it does not fit', async () => {
    server.clockOffset = -86_400_000;
    await startAgent();
    await runs();
    // The server's clock is put right while the connection lasts.
    server.clockOffset = 0;
    await runs();
    expect(server.timesAsked).toBe(1);
    const late = seal(
      sealable(ServerEvent.run, { message: { orders: [] }, parts: {} }),
      [server.hostUuid],
      server.key,
      Date.now() - 3_600_000,
    );
    expect(await server.bare(ServerEvent.run, late)).toMatchObject({ refused: 'order_expired' });
    expect(server.timesAsked).toBe(1);
  });

  it('does nothing before the server has answered the hello', async () => {
    const order = shellOrder(`touch ${stateDir}/early`);
    let answer: unknown;
    server.onConnection = (socket) =>
      void socket
        .emitWithAck(ServerEvent.run, server.seal(ServerEvent.run, { orders: [order] }))
        .then((said: unknown) => (answer = said));
    await startAgent();
    await server.until(() => server.connected && server.refusals.length === 1);
    expect(answer).toMatchObject({ answers: [{ accepted: false, reason: 'not_yet_valid' }] });
    server.onConnection = () => undefined;
    await runs();
    expect(fs.existsSync(path.join(stateDir, 'early'))).toBe(false);
  });
});
