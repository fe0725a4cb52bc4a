import { loadCatalog } from '../catalog/catalog.js';
import { openTables } from '../testing.js';
import { QueryEngine } from './engine.js';
import { type Row, type ScanContext, type Table } from './table.js';

const seen: string[] = [];

/** `hosts` of the catalogue have no such rows: a table whose scans can be watched, under a real schema. */
const watched: Table = {
  name: 'etc_protocols',
  platforms: ['linux', 'darwin'],
  *rows(): Iterable<Row> {
    seen.push('begun');
    try {
      for (let number = 0; number < 10; number++) yield { name: `p${number}`, number, alias: null };
      seen.push('read to the end');
    } finally {
      seen.push('closed');
    }
  },
};
const files: Table = {
  name: 'hash',
  platforms: ['linux', 'darwin'],
  *rows(scan: ScanContext): Iterable<Row> {
    seen.push(JSON.stringify({ path: scan.equals('path'), like: scan.like('path'), md5: scan.uses('md5') }));
    for (const path of scan.equals('path') ?? ['/a', '/b']) yield { path, md5: `md5 of ${path}` };
    scan.warn('something');
    scan.warn('something');
  },
};

beforeEach(() => seen.splice(0));

it('serves every table of the catalogue with its columns, in order, hidden ones hidden', async () => {
  const ask = await openTables([]);
  for (const { name, columns } of loadCatalog().values()) {
    const engine = ask(`select name, type, hidden from pragma_table_xinfo('${name}') order by cid`);
    expect(engine.map((column) => `${column['name']} ${column['type']} ${column['hidden']}`)).toEqual(
      columns.map((column) => `${column.name} ${column.type} ${column.hidden ? 1 : 0}`),
    );
    if (!columns.some((column) => column.required)) expect(ask(`select * from "${name}"`)).toEqual([]);
  }
});

it('stops reading when nobody asks for more', async () => {
  const ask = await openTables([watched]);
  expect(ask('select number from etc_protocols limit 2')).toEqual([{ number: '0' }, { number: '1' }]);
  expect(seen).toEqual(['begun', 'closed']);
});

describe('constraints', () => {
  it.each([
    ["path = '/x'", { path: ['/x'], like: [] }],
    ["path in ('/x', '/y')", { path: ['/x', '/y'], like: [] }],
    ["path in ('/x', '/y') and path = '/y'", { path: ['/y'], like: [] }],
    ["path like '/x/%'", { path: null, like: ['/x/%'] }],
  ])('%s reach the table', async (where, expected) => {
    const ask = await openTables([files]);
    ask(`select path from hash where ${where}`);
    expect(seen.map((line) => JSON.parse(line) as object)).toEqual([{ ...expected, md5: false }]);
  });

  it('reach it through a join', async () => {
    const ask = await openTables([files, watched]);
    const rows = ask(
      "select h.path, h.md5 from etc_protocols e join hash h on h.path = '/' || e.name where e.number < 2",
    );
    expect(rows).toEqual([
      { path: '/p0', md5: 'md5 of /p0' },
      { path: '/p1', md5: 'md5 of /p1' },
    ]);
  });

  it('are asked for where the table needs one', async () => {
    const ask = await openTables([files]);
    expect(() => ask('select * from hash')).toThrow(
      'Table hash was queried without a required column in the WHERE clause: constrain path or directory',
    );
  });
});

it('tells each warning once', async () => {
  const ask = await openTables([files]);
  ask("select * from hash where path in ('/x', '/y')");
  expect(ask.warnings()).toEqual(['something']);
  ask('select 1');
  expect(ask.warnings()).toEqual([]);
});

it.each([
  ['selct', 'near "selct": syntax error'],
  ['select * from nope', 'no such table: nope'],
  ['select nope from processes', 'no such column: nope'],
  ["attach ':memory:' as other", 'not authorized'],
  ['create table x (a)', 'not authorized'],
  ['create temp view x as select 1', 'not authorized'],
  ['insert into processes (pid) values (1)', 'not authorized'],
  ['delete from processes', 'table processes may not be modified'],
  ['pragma journal_mode = wal', 'not authorized'],
  ['pragma hard_heap_limit = 0', 'not authorized'],
  ['vacuum', 'authoriz'],
  ['begin', 'not authorized'],
  ["select load_extension('x')", 'no such function: load_extension'],
  ["select writefile('/tmp/x', 'y')", 'no such function: writefile'],
  ["select readfile('/etc/passwd')", 'no such function: readfile'],
  ['select 1; select 2', 'one statement at a time'],
  ['', 'the query is empty'],
  ['-- nothing', 'the query is empty'],
])('refuses %j', async (sql, message) => {
  const ask = await openTables();
  expect(() => ask(sql)).toThrow(message);
});

it('stops at its limits and goes on with the next query', async () => {
  const engine = await QueryEngine.open([], { memoryBytes: 16e6 });
  const run = (sql: string, limits: object = {}) => [
    ...engine.prepare(sql, { milliseconds: 60_000, rows: 10, ...limits }).rows,
  ];
  const endless = 'with recursive c(x) as (select 1 union all select x + 1 from c)';
  expect(() => run(`${endless} select count(*) from c`, { milliseconds: 50 })).toThrow(
    expect.objectContaining({ kind: 'time', message: 'killed: time' }),
  );
  expect(() => run("select length(printf('%.*c', 40000000, 'x'))")).toThrow(
    expect.objectContaining({ kind: 'memory', message: 'killed: memory' }),
  );
  expect(() => run(`${endless} select x from c`)).toThrow('more than 10 rows');
  expect(run('select 1')).toEqual([['1']]);
});

describe('denied tables', () => {
  const limits = { milliseconds: 5000, rows: 100, deniedTables: ['etc_protocols'] };

  it.each([
    'select * from etc_protocols',
    'select count(*) from etc_protocols',
    'select 1 from ETC_Protocols limit 1',
    'select p.number from hash join "etc_protocols" p on p.name = hash.path',
    'select 1 where 3 in (select number from etc_protocols)',
    'select 3 in etc_protocols',
    'with t as (select name from etc_protocols) select count(*) from t',
    'select 1 union all select number from main.etc_protocols',
    'select exists (select 1 from etc_protocols)',
    'select (select max(number) from etc_protocols) as m',
    'explain query plan select * from etc_protocols',
  ])('are read by nobody: %s', async (sql) => {
    const engine = await QueryEngine.open([watched, files]);
    try {
      expect(() => [...engine.prepare(sql, limits).rows]).toThrow(
        sql.startsWith('explain') || sql.startsWith('select 3')
          ? /./
          : /^denied by the agent's policy: nobody reads the table etc_protocols$/,
      );
      expect(seen).toEqual([]);
      // The next query may be another's.
      expect([
        ...engine.prepare('select number from etc_protocols limit 1', { milliseconds: 5000, rows: 100 }).rows,
      ]).toEqual([['0']]);
      expect([...engine.prepare('select 1', limits).rows]).toEqual([['1']]);
    } finally {
      engine.close();
    }
  });

  it('are no matter for a query that only uses the word', async () => {
    const engine = await QueryEngine.open([watched]);
    expect([...engine.prepare("select 'etc_protocols' as etc_protocols", limits).rows]).toEqual([
      ['etc_protocols'],
    ]);
    engine.close();
  });
});
