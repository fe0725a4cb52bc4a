import { ResultsStore } from './results-store.js';

let store: ResultsStore;
beforeEach(async () => void (store = await ResultsStore.open(64e6)));
afterEach(() => store.close());

it.each([
  ['selct', 'near "selct": syntax error'],
  ['select count(*) from results group', 'incomplete input'],
  ['select * from nope', 'no such table: nope'],
  ['select nope.version from results', 'no such column: nope.version'],
  ['select nope(version) from results', 'no such function: nope'],
  ['select sum(count(*)) from results', 'misuse of aggregate function count()'],
  ['select version from results group by 2', '1st GROUP BY term out of range - should be between 1 and 1'],
  ['select 1; select 2', 'one statement at a time'],
  ['', 'the statement is empty'],
  ['-- nothing', 'the statement is empty'],
  ['select 1\0', 'the statement contains a NUL character'],
  ['explain select 1', 'it is no SELECT'],
  ["attach ':memory:' as other", 'not authorized'],
  ['pragma table_info(results)', 'not authorized'],
  ['delete from results', 'not authorized'],
  ['insert into results (host_id) values (1)', 'not authorized'],
  ['create temp table x as select 1', 'not authorized'],
  ['begin', 'not authorized'],
  ['vacuum', 'it is no SELECT'],
  ["vacuum into '/tmp/x'", 'it is no SELECT'],
  ["select load_extension('x')", 'no such function: load_extension'],
  ["select readfile('/etc/passwd')", 'no such function: readfile'],
])('refuses %j', (sql, message) => {
  expect(() => store.check(sql, 60_000)).toThrow(new Error(message));
});

it.each([
  ['select a, results.b, "c", [d.e] from results', ['a', 'b', 'c', 'd.e']],
  ['select r.A from results r join results s using (b)', ['A']],
  ['select * from results', ['host_id', 'host_hostname', 'host_display_name']],
])('takes %j, whatever columns it asks for', (sql, names) => {
  expect(store.check(sql, 60_000)).toEqual(names);
});

it.each(["select * from pragma_table_info('results')", 'select * from pragma_database_list'])(
  'gets nothing out of %s',
  (sql) => {
    store.check(sql, 60_000);
    expect(() => store.evaluate(60_000, 10)).toThrow('not authorized');
  },
);

it('keeps columns of any name', () => {
  const names = ['', 'a b', 'q"uote', 'größe', 'select', "it's"];
  store.check('select * from results', 60_000);
  const host = { id: 1, hostname: 'h', displayName: 'H' };
  store.add(
    names,
    names.map((_, index) => index + 3),
    [names.map((name) => `of ${name}`)],
    host,
  );
  expect(store.evaluate(60_000, 10)).toEqual({
    columns: ['host_id', 'host_hostname', 'host_display_name', ...names],
    rows: [['1', 'h', 'H', ...names.map((name) => `of ${name}`)]],
  });
});
