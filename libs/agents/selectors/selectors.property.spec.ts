import { createHash } from 'node:crypto';
import { BlockList, isIPv4 } from 'node:net';
import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import { type DataSource } from 'typeorm';
import { connectDatabase, Database, dataSourceOptions } from '#libs/platform/database/index';
import { createTestDatabase, type TestDatabase } from '#libs/testing/index';
import { parseSelector } from './parse-selector.js';
import { printSelector } from './selector.js';
import { SelectorsService } from './selectors.service.js';

interface Host {
  readonly id: number;
  readonly uuid: string;
  readonly hostname: string;
  readonly teamId: number | null;
  readonly online: boolean;
  readonly draining: boolean;
  readonly scripts: boolean | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly fleetLabels: readonly number[];
  readonly facts: {
    readonly platform: string;
    readonly os_version: string;
    readonly arch: string;
    readonly kernel_version?: string;
    readonly cpu_logical_cores?: number;
    readonly memory?: number;
    readonly primary_ip?: string;
    readonly addresses?: readonly { readonly address: string; readonly internal: boolean }[];
  };
}

/** What a condition means, told a second time and host by host. */
type Meaning = (host: Host) => boolean;
interface Said {
  readonly text: string;
  readonly holds: Meaning;
}

const HOSTS = 40;
const SETS = 25;
const PER_SET = 40;
const TEAMS = ['Red', 'Green'];
const FLEET_LABELS = ['Debian hosts', "Bob's", 'or'];
const GIGA = 1e9;

let testDatabase: TestDatabase;
let dataSource: DataSource;
let selectors: SelectorsService;

beforeAll(async () => {
  Logger.overrideLogger(false);
  testDatabase = await createTestDatabase();
  dataSource = await connectDatabase(dataSourceOptions(testDatabase.url, []));
  selectors = new SelectorsService(new Database(dataSource));
  await dataSource.query(`INSERT INTO teams (name) SELECT unnest($1::text[])`, [TEAMS]);
  await dataSource.query(`INSERT INTO labels (name, membership_type) SELECT unnest($1::text[]), 'manual'`, [
    FLEET_LABELS,
  ]);
  await dataSource.query(
    `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash)
     SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, gen_random_uuid(), '', '', '{}', sha256(n::text::bytea)
     FROM generate_series(1, ${HOSTS}) n`,
  );
});

afterAll(async () => {
  await dataSource.destroy();
  await testDatabase.drop();
});

/** The hosts are like this from now on. */
async function arrange(hosts: readonly Host[]): Promise<void> {
  await dataSource.query(
    `UPDATE hosts h SET hostname = n.h->>'hostname', team_id = (n.h->>'teamId')::int, online = (n.h->>'online')::boolean,
       draining_since = CASE WHEN (n.h->>'draining')::boolean THEN now() END,
       scripts_enabled = (n.h->>'scripts')::boolean, labels = n.h->'labels', facts = n.h->'facts'
     FROM jsonb_array_elements($1::jsonb) n(h) WHERE h.id = (n.h->>'id')::int`,
    [JSON.stringify(hosts)],
  );
  await dataSource.query('DELETE FROM label_membership');
  await dataSource.query(
    `INSERT INTO label_membership (host_id, label_id)
     SELECT (n.h->>'id')::int, l::int FROM jsonb_array_elements($1::jsonb) n(h), jsonb_array_elements_text(n.h->'fleetLabels') l`,
    [JSON.stringify(hosts)],
  );
}

const VALUES = [
  'web',
  'web.dev',
  'web.dev.us-east',
  'webber',
  'eu',
  'eu.west',
  'eu.west.1',
  'db',
  '_.',
  'a..b',
];
const NAMES = ['web-1', 'web-2', 'db_1', 'dbx1', 'cache.example.com', 'B', 'or', "o'neill"];
const SYSTEMS = [
  'Debian GNU/Linux 12 (bookworm)',
  'Ubuntu 22.04.3 LTS',
  'Ubuntu 22.04',
  'Ubuntu 9',
  'rolling',
  '',
];
const KERNELS = ['6.1.0-18-amd64', '5.10', '5.9.99', '6', ''];
const ADDRESSES = ['10.1.2.3', '10.2.0.1', '192.168.1.4', 'fe80::1%eth0', '2001:db8::5', 'unknown', ''];

const uuidOf = (id: number): string => `00000000-0000-4000-8000-${String(id).padStart(12, '0')}`;
const aHost = (id: number): fc.Arbitrary<Host> =>
  fc.record({
    id: fc.constant(id),
    uuid: fc.constant(uuidOf(id)),
    hostname: fc.constantFrom(...NAMES),
    teamId: fc.constantFrom(null, 1, 2),
    online: fc.boolean(),
    draining: fc.boolean(),
    scripts: fc.constantFrom(null, true, false),
    labels: fc.dictionary(fc.constantFrom('group', 'region', '-x'), fc.constantFrom(...VALUES)),
    fleetLabels: fc.subarray(FLEET_LABELS.map((_, index) => 1000 + index)),
    facts: fc.record(
      {
        platform: fc.constantFrom('debian', 'ubuntu', 'darwin', ''),
        os_version: fc.constantFrom(...SYSTEMS),
        arch: fc.constantFrom('x86_64', 'aarch64', ''),
        kernel_version: fc.constantFrom(...KERNELS),
        cpu_logical_cores: fc.constantFrom(0, 2, 4, 16),
        memory: fc.constantFrom(0, 2 * GIGA, 8 * GIGA, 8 * 1024 ** 3),
        primary_ip: fc.constantFrom(...ADDRESSES),
        addresses: fc.array(fc.record({ address: fc.constantFrom(...ADDRESSES), internal: fc.boolean() }), {
          maxLength: 2,
        }),
      },
      { requiredKeys: ['platform', 'os_version', 'arch'] },
    ),
  });
const someHosts = fc.tuple(...Array.from({ length: HOSTS }, (_, index) => aHost(index + 1)));

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const doubly = (text: string): string => `"${text.replaceAll('"', '""')}"`;
/** One text in some of its spellings. */
const spelled = (text: string): fc.Arbitrary<string> => {
  const plain = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(text) && !/^(or|B)$/.test(text);
  return fc.constantFrom(quoted(text), doubly(text), ...(plain ? [text] : []));
};
/** `word` in some case. */
const cased = (word: string): fc.Arbitrary<string> => fc.constantFrom(word, word.toUpperCase());

const globMatches = (glob: string, text: string, flags: string): boolean => {
  const pattern = [...glob].map((c) =>
    c === '*' || c === '%' ? '.*' : c === '?' ? '.' : c.replace(/[^\w]/, '\\$&'),
  );
  return new RegExp(`^${pattern.join('')}$`, `s${flags}`).test(text);
};

const agentLabel: fc.Arbitrary<Said> = fc
  .tuple(
    fc.constantFrom('group', 'region', '-x', 'nothing'),
    fc.constantFrom(...VALUES, 'we', '*', 'eu.*', 'web.*', 'web.dev.*', 'w*b*', '*dev*', '_*', 'a.*'),
  )
  .map(([key, value]) => ({
    text: `${key}:${value}`,
    holds: ({ labels }) => {
      const own = labels[key];
      if (own === undefined) return false;
      return value.includes('*') ? globMatches(value, own, '') : own === value || own.startsWith(`${value}.`);
    },
  }));

/** A fact, a value of it, and what each operator makes of the two; undefined: the host has not told. */
function compared<T>(
  name: string,
  values: readonly T[],
  spell: (value: T) => fc.Arbitrary<string>,
  equals: (host: Host, value: T) => boolean,
  before?: (host: Host, value: T) => boolean | undefined,
): fc.Arbitrary<Said> {
  const one = fc.constantFrom(...values).chain((value) => spell(value).map((text) => ({ value, text })));
  const equal = fc.tuple(fc.constantFrom('=', '==', ' = '), one).map(([sign, { value, text }]): Said => ({
    text: `${name}${sign}${text}`,
    holds: (host) => equals(host, value),
  }));
  const unequal = fc.tuple(fc.constantFrom('!=', '<>'), one).map(([sign, { value, text }]): Said => ({
    text: `${name} ${sign} ${text}`,
    holds: (host) => !equals(host, value),
  }));
  const among = fc
    .tuple(fc.constantFrom('', 'not '), cased('in'), fc.array(one, { minLength: 1, maxLength: 4 }))
    .map(([not, word, list]): Said => ({
      text: `${name} ${not}${word} (${list.map(({ text }) => text).join(' ,')})`,
      holds: (host) => list.some(({ value }) => equals(host, value)) === (not === ''),
    }));
  if (!before) return fc.oneof(equal, unequal, among);
  const ordered = fc
    .tuple(fc.constantFrom('<', '<=', '>', '>='), one)
    .map(([sign, { value, text }]): Said => ({
      text: `${name} ${sign} ${text}`,
      holds: (host) => {
        const less = before(host, value);
        if (less === undefined) return false;
        if (sign === '<') return less;
        if (sign === '>=') return !less;
        return sign === '<=' ? less || equals(host, value) : !less && !equals(host, value);
      },
    }));
  return fc.oneof(equal, unequal, among, ordered);
}

const like = (
  name: string,
  globs: readonly string[],
  of: (host: Host) => string | undefined,
): fc.Arbitrary<Said> =>
  fc
    .tuple(fc.constantFrom(...globs), fc.constantFrom('', 'not '), cased('like'))
    .map(([glob, not, word]) => ({
      text: `${name} ${not}${word} ${quoted(glob)}`,
      holds: (host) => (of(host) ? globMatches(glob, of(host) ?? '', 'i') : false) === (not === ''),
    }));

/** As many numbers of the first version in the text as are asked for. */
function versionIn(text: string | undefined, length: number): number[] | undefined {
  const found = /\d+(\.\d+)*/.exec(text ?? '')?.[0];
  if (found === undefined) return undefined;
  return [...found.split('.').map(Number), ...Array<number>(length).fill(0)].slice(0, length);
}
const versions = (
  name: string,
  values: readonly string[],
  of: (host: Host) => string | undefined,
): fc.Arbitrary<Said> => {
  const compare = (host: Host, value: string): number | undefined => {
    const asked = value.split('.').map(Number);
    const own = versionIn(of(host), asked.length);
    if (own === undefined) return undefined;
    const place = own.findIndex((part, index) => part !== asked[index]);
    return place < 0 ? 0 : own[place]! - asked[place]!;
  };
  return compared(
    name,
    values,
    spelled,
    (host, value) => compare(host, value) === 0,
    (host, value) => {
      const difference = compare(host, value);
      return difference === undefined ? undefined : difference < 0;
    },
  );
};
const numbers = (
  name: string,
  values: readonly [string, number][],
  of: (host: Host) => number | undefined,
): fc.Arbitrary<Said> =>
  compared(
    name,
    values,
    ([text]) => fc.constant(text),
    (host, [, value]) => of(host) === value,
    (host, [, value]) => {
      const own = of(host);
      return own === undefined ? undefined : own < value;
    },
  );
const flags = (name: string, of: (host: Host) => boolean | null): fc.Arbitrary<Said> =>
  fc.oneof(
    fc.constant<Said>({ text: name, holds: (host) => of(host) === true }),
    fc.constantFrom('true', 'FALSE').map((word) => ({
      text: `${name} = ${word}`,
      holds: (host: Host) => of(host) === (word === 'true'),
    })),
  );

const addressesOf = ({ facts }: Host): string[] => [
  facts.primary_ip ?? '',
  ...(facts.addresses ?? []).filter(({ internal }) => !internal).map(({ address }) => address),
];
const within = (range: string, address: string): boolean => {
  const [net = '', prefix] = range.split('/');
  const list = new BlockList();
  if (prefix === undefined) list.addAddress(net, isIPv4(net) ? 'ipv4' : 'ipv6');
  else list.addSubnet(net, Number(prefix), isIPv4(net) ? 'ipv4' : 'ipv6');
  // Not an address here and not one there: Node reads zones.
  if (!/^[\da-f.:]+$/.test(address) || !/[.:]/.test(address)) return false;
  return list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
};

const known = <T>(value: T | undefined): T | undefined => value || undefined;
const atom: fc.Arbitrary<Said> = fc.oneof(
  { arbitrary: agentLabel, weight: 4 },
  fc.constant<Said>({ text: '_all', holds: () => true }),
  compared(
    'os.platform',
    ['debian', 'ubuntu', 'plan9'],
    spelled,
    ({ facts }, value) => facts.platform === value,
  ),
  compared('ARCH', ['x86_64', 'aarch64'], spelled, ({ facts }, value) => facts.arch === value),
  compared('os.name', ['Ubuntu 22.04', 'rolling'], spelled, ({ facts }, value) => facts.os_version === value),
  like('os.name', ['*ubuntu*', '%LTS', 'Ubuntu ?', '*(*'], ({ facts }) => facts.os_version),
  versions('os.version', ['12', '22.04', '22.4.3', '22', '9', '12.0'], ({ facts }) => facts.os_version),
  versions('kernel', ['5.10', '6', '6.1.0', '5.9.99', '6.0'], ({ facts }) => facts.kernel_version),
  like('kernel', ['*-amd64', '5*', '?.10'], ({ facts }) => facts.kernel_version),
  numbers(
    'cpu.cores',
    [
      ['2', 2],
      ['4', 4],
      ['3.5', 3.5],
      ['0', 0],
    ],
    ({ facts }) => known(facts.cpu_logical_cores),
  ),
  numbers(
    'memory',
    [
      ['8GB', 8 * GIGA],
      ['8 GiB', 8 * 1024 ** 3],
      ['2000MB', 2 * GIGA],
      ['7g', 7 * GIGA],
    ].map(([t, n]) => [t === '7g' ? '7G' : t, n] as [string, number]),
    ({ facts }) => known(facts.memory),
  ),
  {
    arbitrary: compared('host', [...NAMES, 'nobody'], spelled, ({ hostname }, value) => hostname === value),
    weight: 2,
  },
  like('host', ['web-*', 'DB_*', '*', '*.example.???', 'b'], ({ hostname }) => hostname),
  compared(
    'id',
    [1, 2, 7, HOSTS, 0, 2147483647],
    (value) => fc.constant(String(value)),
    ({ id }, value) => id === value,
    ({ id }, value) => id < value,
  ),
  compared('uuid', [uuidOf(3), uuidOf(99)], spelled, ({ uuid }, value) => uuid === value),
  compared(
    'label',
    FLEET_LABELS.map((name, index) => [name, 1000 + index] as const),
    ([name]) => spelled(name),
    ({ fleetLabels }, [, id]) => fleetLabels.includes(id),
  ),
  compared(
    'team',
    [
      ['Red', 1],
      ['green', 2],
      ['No team', null],
    ] as [string, number | null][],
    ([name]) => spelled(name),
    ({ teamId }, [, id]) => teamId === id,
  ),
  compared(
    'ip',
    ['10.1.2.3', '10.0.0.0/8', '10.1.255.255/15', '0.0.0.0/0', '2001:db8::/32', '2001:db8::5'],
    (value) => fc.constantFrom(value, quoted(value)),
    (host, value) => addressesOf(host).some((address) => within(value, address)),
  ),
  flags('online', ({ online }) => online),
  flags('offline', ({ online }) => !online),
  flags('draining', ({ draining }) => draining),
  flags('scripts', ({ scripts }) => scripts),
);

const blank = fc.constantFrom(' ', '  ', '\n', '\t');
/** Joined as the grammar joins: `or` binds least, `not` most. */
const condition: fc.Arbitrary<Said> = fc.letrec<{ any: Said; and: Said; not: Said }>((tie) => ({
  not: fc.oneof(
    { maxDepth: 2 },
    atom,
    fc.tuple(cased('not'), blank, tie('not')).map(([word, gap, { text, holds }]) => ({
      text: `${word}${gap}${text}`,
      holds: (host: Host) => !holds(host),
    })),
    fc.tuple(blank, tie('any')).map(([gap, { text, holds }]) => ({ text: `(${gap}${text}${gap})`, holds })),
  ),
  and: joinedBy('and', tie('not'), (holds) => holds.every(Boolean)),
  any: joinedBy('or', tie('and'), (holds) => holds.some(Boolean)),
})).any;

function joinedBy(
  word: string,
  part: fc.Arbitrary<Said>,
  all: (holds: readonly boolean[]) => boolean,
): fc.Arbitrary<Said> {
  return fc
    .tuple(fc.array(part, { minLength: 1, maxLength: 2 }), cased(word), blank)
    .map(([list, spelling, gap]) => ({
      text: list.map(({ text }) => text).join(`${gap}${spelling}${gap}`),
      holds: (host: Host) => all(list.map(({ holds }) => holds(host))),
    }));
}

/** A clause, and what it leaves of hosts; `seed` is the whole selector's. */
interface Narrowing {
  readonly text: string;
  readonly of: (hosts: readonly Host[], seed: string) => Host[];
}
const narrowed = ({ text, holds }: Said): Narrowing => ({ text, of: (hosts) => hosts.filter(holds) });
const drawn = (hosts: readonly Host[], seed: string, count: number): Host[] => {
  const digest = createHash('sha256').update(seed).digest('hex');
  const key = ({ uuid }: Host): string =>
    createHash('md5')
      .update(digest + uuid)
      .digest('hex');
  return [...hosts]
    .sort((a, b) => (key(a) < key(b) ? -1 : 1))
    .slice(0, count)
    .sort((a, b) => a.id - b.id);
};
const clause: fc.Arbitrary<Narrowing> = fc.oneof(
  { arbitrary: condition.map(narrowed), weight: 3 },
  fc.constantFrom('100', '50', '12.5', '1').map((n) => ({
    text: `sample ${n}%`,
    of: (hosts: readonly Host[], seed: string) =>
      drawn(hosts, seed, Math.ceil((hosts.length * Number(n)) / 100)),
  })),
  fc.constantFrom(1, 5, 99).map((n) => ({
    text: `sample ${n}`,
    of: (hosts: readonly Host[], seed: string) => drawn(hosts, seed, n),
  })),
  fc
    .constantFrom(1, 5, 99)
    .map((n) => ({ text: `LIMIT  ${n}`, of: (hosts: readonly Host[]) => hosts.slice(0, n) })),
);
const selector = fc.array(clause, { minLength: 1, maxLength: 4 }).map((clauses) => ({
  text: clauses.map(({ text }) => text).join(', '),
  of: (hosts: readonly Host[], seed: string) =>
    clauses.reduce<readonly Host[]>((left, { of }) => of(left, seed), hosts).map(({ id }) => id),
}));

/** A bare name of a fact or of nothing is looked up as a host, which is not asked here. */
const ids = (text: string, teams: readonly number[] | null): Promise<number[]> =>
  selectors.resolve(text, teams).then(
    ({ hosts }) => hosts.map(({ id }) => id),
    (error: { code?: string; message: string }) => {
      if (error.code === 'invalid_unknown' && error.message.includes('no host matches')) return [];
      throw error;
    },
  );

it('is parsed and evaluated as a naive reading of it says, whatever the selector and the hosts', async () => {
  let cases = 0;
  let selected = 0;
  await fc.assert(
    fc.asyncProperty(
      someHosts,
      fc.array(fc.tuple(selector, fc.boolean()), { minLength: PER_SET, maxLength: PER_SET }),
      async (hosts, asked) => {
        await arrange(hosts);
        for (const [{ text, of }, restricted] of asked) {
          const parsed = printSelector(await parseSelector(text));
          expect(printSelector(await parseSelector(parsed))).toBe(parsed);
          // Who may see one team only has no "No team".
          const teams = restricted && !/team/i.test(text) ? [1] : null;
          const seen = hosts.filter(({ teamId }) => teams === null || teamId === 1);
          const expected = of(seen, parsed);
          expect({ text, ids: await ids(text, teams) }).toEqual({ text, ids: expected });
          if (parsed !== text)
            expect({ text, ids: await ids(parsed, teams) }).toEqual({ text, ids: expected });
          cases += 1;
          if (expected.length > 0 && expected.length < seen.length) selected += 1;
        }
      },
    ),
    { numRuns: SETS },
  );
  expect(cases).toBeGreaterThanOrEqual(SETS * PER_SET);
  // Not all of them select everything or nothing.
  expect(selected).toBeGreaterThan(cases / 4);
});
