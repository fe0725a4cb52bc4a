import fc from 'fast-check';
import { createTestDatabase } from '#libs/testing/index';
import { connectDatabase, Database, dataSourceOptions } from '../../database/index.js';
import { type Verdict } from '../chain/index.js';
import { ChainWorld, TestSigner } from '../../testing/chain-world.js';
import { type Mutation, mutations, type Record } from '../../testing/mutations.js';
import { BEFORE_ALL } from './verify-record.js';
import { ChainSql } from './chain.repository.js';

/** As many as are tried: each by a superuser's SQL on a real database, verified there, and rolled back. */
const MUTATIONS = 10_000;

let world: ChainWorld;
let url: string;
let record: Record;
let fingerprint: string | undefined;

beforeAll(async () => {
  const empty = await createTestDatabase();
  ({ url } = empty);
  world = await ChainWorld.over(empty);
  for (const count of [4, 9, 1, 12, 6]) {
    await world.write(count);
    await world.pass(2);
    await world.seal();
  }
  // What was passed is past now.
  await world.seal();
  await world.write(3);
  await world.seal();
  record = await readRecord();
  fingerprint = (await world.database.query<{ md5: string }>(FINGERPRINT))[0]?.md5;
});
afterAll(() => world.stop());

class Undo extends Error {
  constructor(
    readonly verdict: Verdict,
    readonly changed: boolean,
  ) {
    super('undo');
  }
}

const FINGERPRINT = {
  name: 'fingerprint',
  text: `SELECT md5(coalesce((SELECT string_agg(a::text, ';' ORDER BY id) FROM audit a), '') || coalesce((SELECT string_agg(s::text, ';' ORDER BY seal) FROM audit_seals s), '')
    || coalesce((SELECT string_agg(c::text, ';' ORDER BY seal) FROM audit_checkpoints c), '')) AS md5`,
};

/** Does it, verifies, and undoes it. @returns null: nothing was changed by it */
async function tried(mutation: Mutation): Promise<Verdict | null> {
  const { verdict, changed } = await undone(mutation);
  return changed ? verdict : null;
}

async function undone(mutation: Pick<Mutation, 'statements'>): Promise<Undo> {
  const known = [world.end];
  const outcome: unknown = await world.database
    .transaction(async (tx) => {
      for (const { text, values = [] } of mutation.statements) await tx.query({ text }, values);
      const [after] = await tx.query<{ md5: string }>(FINGERPRINT);
      throw new Undo(await world.verify(tx, known), after?.md5 !== fingerprint);
    })
    .catch((error: unknown) => error);
  if (!(outcome instanceof Undo)) throw outcome as Error;
  return outcome;
}

async function readRecord(): Promise<Record> {
  const rows = await ChainSql.fresh(world.database, [], 0);
  const seals = await ChainSql.seals(world.database, BEFORE_ALL, 100);
  const ids = new Set(rows.map(({ id }) => Number(id)));
  const high = Math.max(...ids);
  const [{ beyond }] = await world.sql('SELECT last_value::int AS beyond FROM audit_id_seq');
  return {
    rows,
    seals,
    free: Array.from({ length: high }, (_, i) => i + 1).filter((id) => !ids.has(id)),
    beyond: beyond as number,
    forger: new TestSigner(),
    keyId: world.signer.keyId,
  };
}

it('finds nothing where nothing was done', async () => {
  expect(record.free.length).toBeGreaterThan(8);
  expect(await world.verify()).toMatchObject({
    ok: true,
    rows: 35,
    seals: 6,
    first_bad: null,
    problem_count: 0,
    sealed_late: 0,
  });
});

it.each([
  ['is inherited by more', ['CREATE TABLE more () INHERITS (audit)']],
  ['inherits from less', ['CREATE TABLE less (act text NOT NULL)', 'ALTER TABLE audit INHERIT less']],
  [
    'has the trigger swallow',
    [
      `CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
      'CREATE TRIGGER swallow BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION nothing()',
    ],
  ],
  ['has the rule swallow', ['CREATE RULE swallow AS ON INSERT TO audit DO INSTEAD NOTHING']],
  ['has row security', ['ALTER TABLE audit ENABLE ROW LEVEL SECURITY']],
  ['is not a table', ['ALTER TABLE audit RENAME TO real', 'CREATE VIEW audit AS SELECT * FROM real']],
])('finds that the table of rows %s', async (what, statements) => {
  const { verdict } = await undone({ statements: statements.map((text) => ({ text })) });
  expect(verdict).toMatchObject({ ok: false, rows: 35, problem_count: 1 });
  expect(verdict.first_bad).toMatchObject({
    problem: 'table_changed',
    message: `the table audit ${what}: rows may be kept out of the record, or hidden in it`,
  });
});

it('is not misled by functions that whoever has the database lets the server find first', async () => {
  const name = new URL(url).pathname.slice(1);
  const [{ at }] = await world.sql(`SELECT (SELECT at::text FROM audit WHERE id = $1) AS at`, [
    record.rows[0]?.id,
  ]);
  await world.sql('CREATE SCHEMA evil');
  await world.sql(
    `CREATE FUNCTION evil.to_char(timestamp, text) RETURNS text LANGUAGE sql AS $$ SELECT pg_catalog.to_char(CASE WHEN $1 = '2020-01-01' THEN '${at}'::timestamptz AT TIME ZONE 'UTC' ELSE $1 END, $2) $$`,
  );
  await world.sql(`ALTER DATABASE ${name} SET search_path = evil, pg_catalog, public`);
  await world.sql(`UPDATE audit SET at = '2020-01-01Z' WHERE id = $1`, [record.rows[0]?.id]);
  const later = await connectDatabase(dataSourceOptions(url, []));
  try {
    expect(await world.verify(new Database(later))).toMatchObject({
      first_bad: { problem: 'row_changed', id: Number(record.rows[0]?.id) },
    });
  } finally {
    await later.destroy();
    await world.sql(`UPDATE audit SET at = $2::timestamptz WHERE id = $1`, [record.rows[0]?.id, at]);
    await world.sql(`ALTER DATABASE ${name} RESET search_path`);
  }
  expect(await world.verify()).toMatchObject({ ok: true });
});

it(`finds each of ${MUTATIONS} mutations of the record, of its seals and of both, and names the first bad row`, async () => {
  let found = 0;
  await fc.assert(
    fc.asyncProperty(mutations(record), async (mutation) => {
      const verdict = await tried(mutation);
      fc.pre(verdict !== null);
      expect({ what: mutation.what, ok: verdict?.ok }).toEqual({ what: mutation.what, ok: false });
      expect(verdict?.first_bad?.message).toMatch(/\S/);
      if (mutation.firstBad) expect(mutation.firstBad).toContain(verdict?.first_bad?.id);
      found++;
    }),
    {
      numRuns: MUTATIONS,
      maxSkipsPerRun: 10,
      interruptAfterTimeLimit: 600_000,
      markInterruptAsFailure: true,
    },
  );
  expect(found).toBe(MUTATIONS);
  expect(await world.verify()).toMatchObject({ ok: true });
}, 900_000);
