import fc from 'fast-check';
import { type Signer } from '../signing/index.js';
import {
  type ChainRow,
  type CheckpointBody,
  hashAt,
  NOTHING,
  parseBody,
  placeAfter,
  PREFIX,
  rowHashes,
  rowText,
  type SealBody,
  sealDigest,
  type StoredSeal,
} from '../audit/chain/index.js';

/** Something that a superuser does to the record. */
export interface Mutation {
  readonly what: string;
  readonly statements: readonly { readonly text: string; readonly values?: readonly unknown[] }[];
  /** The rows of which one must be named first; absent: whatever is named will do. */
  readonly firstBad?: readonly number[];
}

/** Text where no number holds it. */
type NewId = number | string;

/** The record as it is before each of them. */
export interface Record {
  readonly rows: readonly ChainRow[];
  readonly seals: readonly StoredSeal[];
  /** Ids that were never used, below the last one. */
  readonly free: readonly number[];
  /** Above all that the table has numbered. */
  readonly beyond: number;
  /** What an attacker signs with. */
  readonly forger: Signer;
  /** The id of the server's key. */
  readonly keyId: string;
}

const COLUMNS = [
  'at',
  'user_id',
  'email',
  'address',
  'act',
  'outcome',
  'execution_uuid',
  'host_id',
  'details',
];
const COPIED = COLUMNS.join(', ');

const text = fc.oneof(
  fc.string({ maxLength: 8, unit: 'grapheme' }).map((value) => value.replaceAll('\0', '')),
  fc.constantFrom('', ' ', '\u2028', '"', '\\', 'ran_script', 'admin@example.com'),
);
const integer = fc.option(fc.integer({ min: -2_147_483_648, max: 2_147_483_647 }), { nil: null });

interface NewValue {
  readonly sql: string;
  readonly value?: unknown;
}

/** New values of a column, as SQL over the row that is there; `$2` is the value. */
const VALUES: Readonly<{ [column: string]: fc.Arbitrary<NewValue> }> = {
  at: fc.oneof(
    fc
      .integer({ min: 1, max: 4_000_000 })
      .map((value) => ({ sql: `at + $2 * interval '1 microsecond'`, value })),
    fc
      .constantFrom(`'infinity'`, `'-infinity'`, `at - interval '4100 years'`, `at + interval '9000 years'`)
      .map((sql) => ({ sql })),
  ),
  user_id: integer.map((value) => ({ sql: '$2::int', value })),
  host_id: integer.map((value) => ({ sql: '$2::int', value })),
  email: fc.option(text, { nil: null }).map((value) => ({ sql: '$2::text', value })),
  address: fc.option(text, { nil: null }).map((value) => ({ sql: '$2::text', value })),
  act: text.map((value) => ({ sql: '$2::text', value })),
  outcome: fc.constantFrom('done', 'denied', 'failed').map((value) => ({ sql: '$2::text', value })),
  execution_uuid: fc.option(fc.uuid(), { nil: null }).map((value) => ({ sql: '$2::uuid', value })),
  details: fc.oneof(
    fc.json({ maxDepth: 2 }).map((value) => ({ sql: '$2::jsonb', value: value.replaceAll('\\u0000', '') })),
    fc
      .constantFrom(
        `details || '{"one": 1}'`,
        `details || '{"big": 9007199254740992}'`,
        `details || '{"exit_code": -1}'`,
        `details || '{"more": null}'`,
        `details - 'text'`,
        `'{}'::jsonb`,
        `jsonb_set(details, '{list,0}', '1.0')`,
      )
      .map((sql) => ({ sql })),
  ),
};

/** Every way to tamper with this record that there is a thought of; each changes something. */
export function mutations(record: Record): fc.Arbitrary<Mutation> {
  const { rows, seals, free, beyond } = record;
  const row = fc.constantFrom(...rows);
  const seal = fc.constantFrom(...seals);
  const id = ({ id: text }: ChainRow): number => Number(text);
  const copy = (from: string, to: NewId, remove: boolean): Mutation['statements'] => [
    {
      text: `${remove ? `WITH a AS (DELETE FROM audit WHERE id = $1 RETURNING *)` : ''}
        INSERT INTO audit (id, ${COPIED}) OVERRIDING SYSTEM VALUE SELECT $2, ${COPIED} FROM ${remove ? 'a' : 'audit WHERE id = $1'}`,
      values: [from, to],
    },
  ];
  const newId = fc.constantFrom<NewId>(
    ...free,
    0,
    -1,
    -(2 ** 40),
    '-9007199254740993',
    '-9223372036854775808',
    beyond + 1,
    beyond + 1000,
    2 ** 50,
    '9223372036854775807',
  );

  const editRow = fc.tuple(row, fc.constantFrom(...COLUMNS)).chain(([which, column]) =>
    (VALUES[column] ?? fc.constant<NewValue>({ sql: column })).map(({ sql, value }) => ({
      what: `${column} = ${sql} ${JSON.stringify(value ?? null)}`,
      statements: [
        {
          text: `UPDATE audit SET ${column} = ${sql} WHERE id = $1 AND ${column} IS DISTINCT FROM ${sql} OR id = $1 AND ${column}::text IS DISTINCT FROM (${sql})::text`,
          values: [which.id, ...(sql.includes('$2') ? [value] : [])],
        },
      ],
      firstBad: [id(which)],
    })),
  );
  const moveRow = fc.tuple(row, newId).map(([which, to]) => ({
    what: 'another id',
    statements: copy(which.id, to, true),
    firstBad: [Math.min(id(which), Number(to))],
  }));
  const removeRows = fc.uniqueArray(row, { minLength: 1, maxLength: 4 }).map((which) => ({
    what: 'rows removed',
    statements: [{ text: 'DELETE FROM audit WHERE id = ANY($1)', values: [which.map((r) => r.id)] }],
    firstBad: [Math.min(...which.map(id))],
  }));
  const addRow = fc.tuple(row, newId).map(([which, to]) => ({
    what: 'a row put in',
    statements: copy(which.id, to, false),
    firstBad: [Number(to)],
  }));
  const doubleRow = fc.tuple(row, fc.boolean()).map(([which, changed]) => ({
    what: 'two rows of one id',
    statements: [
      { text: 'ALTER TABLE audit DROP CONSTRAINT audit_pkey' },
      ...copy(which.id, id(which), false),
      ...(changed
        ? [
            {
              text: `UPDATE audit SET act = act || '!' WHERE ctid = (SELECT max(ctid) FROM audit WHERE id = $1)`,
              values: [which.id],
            },
          ]
        : []),
    ],
    firstBad: [id(which)],
  }));
  const swapRows = fc.uniqueArray(row, { minLength: 2, maxLength: 2 }).map(([a, b]) => ({
    what: 'two rows swapped',
    statements: [
      {
        text: `UPDATE audit a SET (${COPIED}) = (SELECT ${COPIED} FROM audit b WHERE b.id = CASE a.id WHEN $1 THEN $2::bigint ELSE $1::bigint END) WHERE a.id IN ($1, $2)`,
        values: [a?.id, b?.id],
      },
    ],
    firstBad: [Math.min(Number(a?.id), Number(b?.id))],
  }));

  const set = (which: StoredSeal, column: string, value: unknown): Mutation['statements'] => [
    { text: `UPDATE audit_seals SET ${column} = $2 WHERE seal = $1`, values: [which.seal, value] },
  ];
  const editBody = fc
    .tuple(seal, fc.nat(), fc.constantFrom(...'0123456789abcdef, {}"'))
    .map(([which, n, letter]) => {
      const at = n % which.body.length;
      const body = which.body.slice(0, at) + letter + which.body.slice(at + 1);
      return {
        what: `a letter of a seal's body`,
        statements: set(which, 'body', body === which.body ? `${body} ` : body),
        firstBad: [Number(which.ids[0])],
      };
    });
  const fields: readonly ((body: SealBody) => Partial<SealBody>)[] = [
    ({ seal: n }) => ({ seal: n + 1 }),
    ({ count }) => ({ count: count + 1 }),
    ({ first }) => ({ first: first + 1 }),
    ({ high }) => ({ high: high + 1 }),
    ({ head }) => ({ previous: head }),
    ({ previous }) => ({ from: previous.replace(/./, (c) => (c === '0' ? '1' : '0')) }),
    () => ({ head: NOTHING }),
    () => ({ open: [[1, beyond]] }),
    () => ({ sealed_at: '2020-01-01T00:00:00.000Z' }),
    () => ({ key: '0123456789abcdef' }),
  ];
  const editField = fc.tuple(seal, fc.constantFrom(...fields)).map(([which, edit]) => ({
    what: `a field of a seal's body`,
    statements: set(which, 'body', JSON.stringify({ ...bodyOf(which), ...edit(bodyOf(which)) })),
  }));
  const bytes = (which: Buffer): fc.Arbitrary<Buffer> =>
    fc.oneof(
      fc.tuple(fc.nat(which.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, bits]) => {
        const changed = Buffer.from(which);
        changed[at] = (changed[at] ?? 0) ^ bits;
        return changed;
      }),
      fc.nat(which.length - 1).map((length) => which.subarray(0, length)),
      fc.uint8Array({ minLength: 1, maxLength: 40 }).map((more) => Buffer.concat([which, more])),
    );
  const editSignature = seal.chain((which) =>
    bytes(which.signature).map((value) => ({
      what: 'a signature',
      statements: set(which, 'signature', value),
      firstBad: [Number(which.ids[0])],
    })),
  );
  const editHashes = seal.chain((which) =>
    bytes(which.hashes).map((value) => ({ what: 'hashes', statements: set(which, 'hashes', value) })),
  );
  const editIds = seal.chain((which) =>
    fc
      .oneof(
        fc.shuffledSubarray([...which.ids]),
        fc
          .nat(which.ids.length - 1)
          .map((at) => which.ids.map((value, i) => (i === at ? String(free[0]) : value))),
        newId.map((more) => [...which.ids, String(more)]),
        fc.nat(which.ids.length - 1).map((at) => [...which.ids, which.ids[at] ?? '']),
      )
      .filter((ids) => ids.join() !== which.ids.join())
      .map((ids) => ({ what: 'ids of a seal', statements: set(which, 'ids', ids) })),
  );
  const renumber = fc
    .tuple(seal, fc.constantFrom(0, -1, seals.length + 1, seals.length + 7, 2 ** 40))
    .map(([which, to]) => ({ what: 'the number of a seal', statements: set(which, 'seal', to) }));
  const swapSeals = fc.uniqueArray(seal, { minLength: 2, maxLength: 2 }).map(([a, b]) => ({
    what: 'two seals swapped',
    statements: [
      {
        text: `UPDATE audit_seals a SET (body, signature, ids, hashes) = (SELECT body, signature, ids, hashes FROM audit_seals b
                 WHERE b.seal = CASE a.seal WHEN $1 THEN $2::bigint ELSE $1::bigint END) WHERE a.seal IN ($1, $2)`,
        values: [a?.seal, b?.seal],
      },
    ],
  }));
  const without = (gone: readonly StoredSeal[], rowsToo: boolean): Mutation['statements'] => [
    { text: 'DELETE FROM audit_seals WHERE seal = ANY($1)', values: [gone.map((s) => s.seal)] },
    ...(rowsToo
      ? [{ text: 'DELETE FROM audit WHERE id = ANY($1)', values: [gone.flatMap((s) => s.ids)] }]
      : []),
  ];
  const removeSeals = fc
    .tuple(fc.uniqueArray(seal, { minLength: 1 }), fc.boolean())
    .map(([gone, rowsToo]) => ({ what: 'seals removed', statements: without(gone, rowsToo) }));
  const cutEnd = fc
    .tuple(fc.integer({ min: 0, max: seals.length - 1 }), fc.boolean())
    .map(([kept, rowsToo]) => ({ what: 'the end cut off', statements: without(seals.slice(kept), rowsToo) }));

  /** A row is changed, and all that follows from it without the server's key, in ever more places. */
  const rewrite = fc.tuple(row, fc.integer({ min: 0, max: 4 }), text).map(([which, depth, act]) => ({
    what: `a row rewritten, with what follows from it (${depth})`,
    statements: [
      { text: `UPDATE audit SET act = $2 WHERE id = $1`, values: [which.id, `${act}!`] },
      ...rewritten(record, { ...which, act: `${act}!` }, depth),
    ],
    // Where the list of hashes was written anew, the first thing to be seen is the seal.
    firstBad: depth < 1 ? [id(which)] : [Number(seals.find((s) => s.ids.includes(which.id))?.ids[0])],
  }));
  const forget = fc
    .tuple(fc.integer({ min: 1, max: seals.length - 1 }), fc.boolean(), fc.boolean())
    .map(([count, ownKey, rowsToo]) => ({
      what: 'a checkpoint forged',
      statements: [...without(seals.slice(0, count), rowsToo), ...forgedCheckpoint(record, count, ownKey)],
    }));
  const everything = fc.constantFrom('DELETE FROM audit', 'DELETE FROM audit_seals').map((statement) => ({
    what: statement,
    statements: [{ text: statement }],
  }));

  return fc.oneof(
    { weight: 12, arbitrary: editRow },
    { weight: 3, arbitrary: moveRow },
    { weight: 3, arbitrary: removeRows },
    { weight: 3, arbitrary: addRow },
    { weight: 1, arbitrary: doubleRow },
    { weight: 2, arbitrary: swapRows },
    { weight: 2, arbitrary: editBody },
    { weight: 1, arbitrary: editField },
    { weight: 2, arbitrary: editSignature },
    { weight: 2, arbitrary: editHashes },
    { weight: 2, arbitrary: editIds },
    { weight: 1, arbitrary: renumber },
    { weight: 1, arbitrary: swapSeals },
    { weight: 1, arbitrary: removeSeals },
    { weight: 1, arbitrary: cutEnd },
    { weight: 3, arbitrary: rewrite },
    { weight: 1, arbitrary: forget },
    { weight: 1, arbitrary: everything },
  );
}

function bodyOf({ body }: StoredSeal): SealBody {
  const parsed = parseBody('seal', body);
  if (!parsed) throw new Error('a seal makes no sense');
  return parsed;
}

/**
 * @param depth 0: nothing; 1: the seal's list of hashes; 2: what the seal says, too; 3: signed by the attacker, in the server's name; 4: that seal and all
 *   after it signed with the attacker's key
 */
function rewritten(
  { rows, seals, forger, keyId }: Record,
  changed: ChainRow,
  depth: number,
): Mutation['statements'] {
  if (depth === 0) return [];
  const at = seals.findIndex(({ ids }) => ids.includes(changed.id));
  const statements: { text: string; values: unknown[] }[] = [];
  let previous: string | null = null;
  let from: string | null = null;
  for (const seal of seals.slice(at, depth === 4 ? undefined : at + 1)) {
    const body = bodyOf(seal);
    const before = from ?? body.from;
    const lines = seal.ids.map((id) => rowText(id === changed.id ? changed : rowOf(rows, id)));
    const hashes = rowHashes(Buffer.from(before, 'hex'), lines);
    const head = hashAt(hashes, lines.length - 1).toString('hex');
    const said = {
      ...body,
      previous: previous ?? body.previous,
      from: before,
      head,
      key: depth === 4 ? forger.keyId : keyId,
    };
    const text = depth === 1 ? seal.body : JSON.stringify(said);
    const signature = depth < 3 ? seal.signature : forger.sign(Buffer.from(PREFIX.seal + text));
    statements.push({
      text: 'UPDATE audit_seals SET hashes = $2, body = $3, signature = $4 WHERE seal = $1',
      values: [seal.seal, hashes, text, signature],
    });
    previous = sealDigest({ body: text, signature });
    from = head;
  }
  return statements;
}

function rowOf(rows: readonly ChainRow[], id: string): ChainRow {
  const row = rows.find((r) => r.id === id);
  if (!row) throw new Error(`there is no row ${id}`);
  return row;
}

function forgedCheckpoint(
  { seals, forger, keyId }: Record,
  count: number,
  ownKey: boolean,
): Mutation['statements'] {
  const last = seals[count - 1];
  if (!last) return [];
  const body = bodyOf(last);
  const said: CheckpointBody = {
    v: 1,
    ...placeAfter(last, body),
    high: body.high,
    until: body.sealed_at,
    made_at: body.sealed_at,
    key: ownKey ? forger.keyId : keyId,
  };
  const text = JSON.stringify(said);
  return [
    { text: 'DELETE FROM audit_checkpoints' },
    {
      text: 'INSERT INTO audit_checkpoints (seal, body, signature) VALUES ($1, $2, $3)',
      values: [last.seal, text, forger.sign(Buffer.from(PREFIX.checkpoint + text))],
    },
  ];
}
