import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { createTestDatabase, temporaryDirectory } from '#libs/testing/index';
import { Audit } from '../audit.js';
import { ChainWorld } from '../../testing/chain-world.js';
import { AuditChain } from './audit-chain.service.js';
import { HeadFile } from './head-file.js';

Logger.overrideLogger(false);

let world: ChainWorld;
let dataDir: string;
let running: AuditChain[];

beforeEach(async () => {
  world = await ChainWorld.over(await createTestDatabase());
  dataDir = temporaryDirectory('audit');
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((chain) => chain.onApplicationShutdown()));
  await world.stop();
});

/** A server starts on this record. */
async function started(): Promise<AuditChain> {
  const chain = new AuditChain(world.database, world.signer, world.sealer, new Audit(world.database), {
    dataDir,
  });
  running.push(chain);
  await chain.onApplicationBootstrap();
  return chain;
}

/** Rows and seals as the server makes them, but with a key that is not the server's. */
async function forge(): Promise<void> {
  const forger = ChainWorld.beside(world);
  await forger.write(4);
  await forger.seal();
}

const cuts = (): Promise<unknown[]> => world.sql(`SELECT details FROM audit WHERE act = 'audit_record_cut'`);

it('goes on from a seal of its own when nothing is noted of it', async () => {
  await world.write(3);
  await world.seal();
  const chain = await started();
  await world.write(2);
  await chain.sealAll();
  expect(await world.verify()).toMatchObject({ ok: true, rows: 5 });
  expect(await cuts()).toEqual([]);
  expect(await new HeadFile(dataDir).read()).toEqual(
    expect.objectContaining({ body: chain.last?.body, signature: chain.last?.signature }),
  );
});

it.each([
  ['missing', null],
  ['damaged', '{"body": "'],
  ['nonsense', '{"body": "{}", "signature": ""}'],
])('vouches for no seal of another key when the note of its own is %s', async (_, note) => {
  await forge();
  const path = join(dataDir, 'audit-head.json');
  if (note === null) rmSync(path, { force: true });
  else writeFileSync(path, note);
  const chain = await started();
  await world.write(2);
  await chain.sealAll();
  await world.write(2);
  await chain.sealAll();
  expect(await cuts()).toHaveLength(1);
  const verdict = await world.verify();
  expect(verdict).toMatchObject({ ok: false, first_bad: { problem: 'unknown_key', seal: 1, id: 1 } });
  // What was written since is sealed, once.
  expect(verdict).toMatchObject({ rows: 9, problem_count: 2 });
});

it('is not led to leave new rows without a seal by an end that claims ids of long after', async () => {
  await forge();
  await world.sql(
    `UPDATE audit_seals SET body = regexp_replace(body, '"high":\\d+', '"high":4503599627370496')`,
  );
  const chain = await started();
  await chain.sealAll();
  const [{ sealed }] = await world.sql(
    `SELECT count(*)::int AS sealed FROM audit a JOIN audit_seals s ON a.id = ANY(s.ids) WHERE a.act = 'audit_record_cut'`,
  );
  expect(sealed).toBe(1);
});

it('keeps a gap where a forged record was put in place of the one that was noted', async () => {
  await world.write(3);
  const chain = await started();
  await chain.sealAll();
  await chain.onApplicationShutdown();
  await world.sql('TRUNCATE audit, audit_seals');
  await forge();
  await (await started()).sealAll();
  expect(await cuts()).toHaveLength(1);
  expect(await world.verify()).toMatchObject({ ok: false });
});
