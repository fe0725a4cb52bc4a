import { Logger } from '@nestjs/common';
import { createTestDatabase, temporaryDirectory } from '#libs/testing/index';
import { Audit } from '../audit.js';
import { verifyExport } from '../chain/index.js';
import { ChainWorld, TestSigner } from '../../testing/chain-world.js';
import { AuditChain } from './audit-chain.service.js';
import { AuditExport } from './audit-export.service.js';
import { AuditRetention } from './audit-retention.service.js';
import { ChainSql } from './chain.repository.js';

Logger.overrideLogger(false);

const DAY_MS = 86_400_000;
let world: ChainWorld;
let chain: AuditChain;
let retention: AuditRetention;
let exported: AuditExport;

beforeEach(async () => {
  world = await ChainWorld.over(await createTestDatabase());
  const audit = new Audit(world.database);
  const dataDir = temporaryDirectory('audit');
  chain = new AuditChain(world.database, world.signer, world.sealer, audit, { dataDir });
  retention = new AuditRetention(world.database, world.signer, chain, audit, { auditDays: 30 });
  exported = new AuditExport(world.database, world.signer, chain);
  for (let i = 0; i < 45; i++) {
    await world.write(2);
    await world.seal();
  }
});
afterEach(() => world.stop());

const later = (): number => Date.now() + 31 * DAY_MS;

async function verifyExported(after: number | null = null): ReturnType<typeof verifyExport> {
  return verifyExport(await exported.lines(after), world.signer.publicKeys());
}

it('forgets nothing that is young', async () => {
  expect(await retention.pass()).toBe(0);
  expect(await world.verify()).toMatchObject({ ok: true, rows: 90, first_position: 1 });
});

it('forgets what is old, all but the last seal, and what is left stays verifiable', async () => {
  expect(await retention.pass(later())).toBe(88);
  await chain.sealAll();
  expect(await world.verify()).toMatchObject({ ok: true, first_position: 89 });
  const acts = await world.sql(`SELECT details FROM audit WHERE act = 'forgot_audit_rows' ORDER BY id`);
  expect(acts.map(({ details }) => details as object)).toMatchObject([
    { rows: 40, position: 40 },
    { rows: 40, position: 80 },
    { rows: 8, position: 88 },
  ]);
  expect(await world.sql('SELECT seal::int FROM audit_checkpoints')).toEqual([{ seal: 44 }]);
  expect(await verifyExported()).toMatchObject({ ok: true, first_position: 89 });
  expect(await retention.pass()).toBe(0);
});

it('keeps what is not as it was sealed', async () => {
  await world.sql(`UPDATE audit SET act = 'nothing' WHERE id = 3`);
  expect(await retention.pass(later())).toBe(0);
  expect(await world.verify()).toMatchObject({ ok: false, first_bad: { id: 3, position: 3 } });
});

it.each([
  [`UPDATE audit_checkpoints SET body = replace(body, '"position":88', '"position":89')`],
  [`UPDATE audit_checkpoints SET seal = seal - 1, body = replace(body, '"seal":44', '"seal":43')`],
  [`UPDATE audit_checkpoints SET seal = seal + 1`],
  [`DELETE FROM audit_checkpoints`],
  [`DELETE FROM audit WHERE id <= 90`, `DELETE FROM audit_seals WHERE seal = 45`],
  [`INSERT INTO audit (id, act, outcome) OVERRIDING SYSTEM VALUE VALUES (7, 'back again', 'done')`],
  [`INSERT INTO audit_checkpoints SELECT seal - 1, body, signature FROM audit_checkpoints`],
])('lets nobody forget more, or bring back what is forgotten: %s', async (...statements) => {
  await retention.pass(later());
  await chain.sealAll();
  expect(await world.verify()).toMatchObject({ ok: true });
  for (const statement of statements) await world.sql(statement);
  expect(await world.verify()).toMatchObject({ ok: false });
});

it('signs its checkpoint anew with a new key', async () => {
  await retention.pass(later());
  await chain.sealAll();
  const next = new TestSigner();
  const both = [...next.publicKeys(), ...world.signer.publicKeys()];
  const signer = { keyId: next.keyId, sign: (bytes: Uint8Array) => next.sign(bytes), publicKeys: () => both };
  const audit = new Audit(world.database);
  const renewed = new AuditRetention(world.database, signer, chain, audit, { auditDays: 0 });
  await renewed.onApplicationBootstrap();
  const [checkpoint] = await ChainSql.checkpoints(world.database);
  expect(checkpoint?.body).toContain(next.keyId);
  expect(await world.verify()).toMatchObject({ ok: false, first_bad: { problem: 'checkpoint_changed' } });
});

it('exports from a seal on, and says where it ends', async () => {
  expect(await verifyExported(40)).toMatchObject({
    ok: true,
    first_position: 81,
    rows: 10,
    end: { seal: 45 },
  });
  await expect(exported.lines(99)).rejects.toThrow('there is no seal 99');
});

it('exports an end that what is left of the record does not come to, when its end was cut off', async () => {
  await chain.onApplicationBootstrap();
  try {
    await chain.inTurn(async () => {
      await world.sql('DELETE FROM audit_seals WHERE seal > 43');
      await world.sql('DELETE FROM audit WHERE id > 86');
    });
    for (const after of [null, 40])
      expect(await verifyExported(after)).toMatchObject({
        ok: false,
        problem_count: 1,
        first_bad: { problem: 'end_missing' },
        end: { seal: 43 },
      });
  } finally {
    await chain.onApplicationShutdown();
  }
});
