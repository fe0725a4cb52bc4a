import { createTestDatabase } from '#libs/testing/index';
import { type Transaction } from '../../database/index.js';
import { BEGINNING, parseBody, type Signed } from '../chain/index.js';
import { ChainWorld } from '../../testing/chain-world.js';
import { ChainSql } from './chain.repository.js';
import { RecordCut } from './sealer.js';
import { BEFORE_ALL } from './verify-record.js';

let world: ChainWorld;

beforeEach(async () => {
  world = await ChainWorld.over(await createTestDatabase());
});
afterEach(() => world.stop());

const INSERT = { text: `INSERT INTO audit (act, outcome) VALUES ($1, 'done')` };

/** A transaction that has written a row and goes on only when it is told to. */
async function writing(act: string): Promise<{ end: (commit: boolean) => Promise<void> }> {
  let end: (commit: boolean) => void = () => undefined;
  const told = new Promise<boolean>((resolve) => (end = resolve));
  let written: () => void = () => undefined;
  const hasWritten = new Promise<void>((resolve) => (written = resolve));
  const over = world.database
    .transaction(async (tx: Transaction) => {
      await tx.query(INSERT, [act]);
      written();
      if (!(await told)) throw new Error('rolled back');
    })
    .catch((error: Error) => {
      if (error.message !== 'rolled back') throw error;
    });
  await hasWritten;
  return {
    end: (commit) => {
      end(commit);
      return over;
    },
  };
}

async function sealedActs(): Promise<string[]> {
  const seals = await ChainSql.seals(world.database, BEFORE_ALL, 1_000);
  const rows = await world.sql('SELECT id::text, act FROM audit');
  const acts = new Map(rows.map(({ id, act }) => [id as string, act as string]));
  return seals.flatMap(({ ids }) => ids.map((id) => acts.get(id) ?? 'gone'));
}

it('writes nothing where there is nothing to seal', async () => {
  await world.seal();
  expect(world.sealer.place).toEqual(BEGINNING);
  expect(await world.sql('SELECT * FROM audit_seals')).toEqual([]);
  expect(await world.verify(world.database, [])).toMatchObject({ ok: true, rows: 0, seals: 0 });
});

it('seals a row whose transaction ends after those of later rows, and does not wait for it', async () => {
  const slow = await writing('slow');
  await world.database.query(INSERT, ['fast']);
  await world.seal();
  await world.seal();
  expect(await sealedActs()).toEqual(['fast']);
  await slow.end(true);
  await world.seal();
  expect(await sealedActs()).toEqual(['fast', 'slow']);
  expect(await world.verify()).toMatchObject({ ok: true, rows: 2, sealed_late: 0 });
});

it('forgets ids that nobody can use any more, so that a row put there later is found', async () => {
  const never = await writing('never');
  await world.database.query(INSERT, ['fast']);
  await world.seal();
  expect(world.sealer.open).toEqual([[1, 1]]);
  await never.end(false);
  await world.seal();
  expect(world.sealer.open).toEqual([]);
  await world.sql(
    `INSERT INTO audit (id, act, outcome) OVERRIDING SYSTEM VALUE VALUES (1, 'forged', 'done')`,
  );
  await world.seal();
  expect(await sealedActs()).toEqual(['fast']);
  expect(await world.verify()).toMatchObject({
    ok: false,
    first_bad: {
      problem: 'row_added',
      id: 1,
      message: 'row 1 is in no seal: it was put into the record afterwards',
    },
  });
});

it('has each row once, however many are written at the same time, and some of them in vain', async () => {
  let writers = 200;
  const work = Array.from({ length: 8 }, async (_, n) => {
    while (writers-- > 0)
      await world.database
        .transaction(async (tx) => {
          await tx.query(INSERT, [`of ${n}`]);
          if (writers % 7 === 0) throw new Error('in vain');
          if (writers % 5 === 0) await tx.query({ text: 'SELECT pg_sleep(0.02)' });
        })
        .catch(() => undefined);
  });
  const sealing = (async () => {
    while (writers > 0) await world.sealer.seal();
  })();
  await Promise.all([...work, sealing]);
  await world.seal();
  await world.seal();
  const [{ rows }] = await world.sql('SELECT count(*)::int AS rows FROM audit');
  expect(world.sealer.open).toEqual([]);
  expect(await world.verify()).toMatchObject({ ok: true, rows });
});

it('goes on where the last seal stands, with what was open then', async () => {
  const slow = await writing('slow');
  await world.write(3);
  await world.seal();
  const { last } = world.sealer;
  world.sealer.resume(last);
  await slow.end(true);
  await world.seal();
  await world.write(1);
  await world.seal();
  expect(await world.verify()).toMatchObject({ ok: true, rows: 5, seals: 3 });
});

it('sees that the end was cut off, and lets the gap stay where it is', async () => {
  for (let i = 0; i < 3; i++) {
    await world.write(2);
    await world.seal();
  }
  await world.sql('DELETE FROM audit WHERE id > 4');
  await world.sql('DELETE FROM audit_seals WHERE seal = 3');
  await world.write(1);
  const cut: unknown = await world.sealer.seal().catch((error: unknown) => error);
  expect(cut).toBeInstanceOf(RecordCut);
  expect((cut as Error).message).toBe('its last seal is 2');
  world.sealer.acceptCut((cut as { there: Signed | null }).there);
  await world.seal();
  await world.write(2);
  await world.seal();
  const verdict = await world.verify();
  expect(verdict).toMatchObject({
    ok: false,
    problem_count: 1,
    first_bad: { problem: 'seal_missing', position: 5, seal: 3 },
    end: { seal: 5 },
  });
});

it('goes on behind a seal that somebody has put there', async () => {
  await world.write(2);
  await world.seal();
  await world.sql(
    `INSERT INTO audit_seals SELECT seal + 1, replace(body, '"seal":1', '"seal":2'), signature, ids, hashes FROM audit_seals`,
  );
  await world.write(1);
  const cut: unknown = await world.sealer.seal().catch((error: unknown) => error);
  expect(cut).toBeInstanceOf(RecordCut);
  world.sealer.acceptCut((cut as { there: Signed | null }).there);
  await world.seal();
  expect(parseBody('seal', world.sealer.last?.body ?? '')?.seal).toBe(3);
  expect(await world.verify()).toMatchObject({ ok: false });
});
