import { DomainError } from '#libs/platform/errors/index';
import { AGGREGATION_LIMITS, type Aggregation, type AggregationLimits } from './aggregation-types.js';
import { checkAggregate, createAggregation } from './aggregation.js';

const HOST = { id: 7, hostname: 'seven', displayName: 'Number 7' };
const ENDLESS = 'with recursive c(x) as (select 1 union all select x + 1 from c)';

const open: Aggregation[] = [];
afterEach(() => open.splice(0).forEach((aggregation) => aggregation.close()));

async function aggregate(sql: string, limits: Partial<AggregationLimits> = {}): Promise<Aggregation> {
  const aggregation = await createAggregation(sql, { ...AGGREGATION_LIMITS, ...limits });
  open.push(aggregation);
  return aggregation;
}

it('refuses what SQLite does not understand, in its words', async () => {
  const refused = checkAggregate('selct');
  await expect(refused).rejects.toBeInstanceOf(DomainError);
  await expect(refused).rejects.toMatchObject({
    code: 'invalid',
    problems: [
      {
        name: 'aggregate',
        reason: 'aggregate must be one SELECT over the table results: near "selct": syntax error',
      },
    ],
  });
  await expect(checkAggregate('select nope from results')).resolves.toBeUndefined();
});

describe.each([
  ['incremental', ''],
  ['stored', 'with results as (select * from main.results) '],
])('%s', (kind, prefix) => {
  it('knows a column from the first answer on that has it', async () => {
    const versions = await aggregate(`${prefix}select Version, count(*) from results group by 1`);
    expect(versions.kind).toBe(kind);
    expect(await versions.result()).toEqual({ error: 'no such column: Version' });
    await versions.add(['pid'], [['1']], HOST);
    expect(await versions.result()).toEqual({ error: 'no such column: Version' });
    await versions.add(['version'], [], HOST);
    expect(await versions.result()).toEqual({ columns: ['version', 'count(*)'], rows: [[null, '1']] });
  });

  it('takes canonical integers for numbers and nothing else', async () => {
    const types = await aggregate(
      `${prefix}select max(pid), max(version), min(version), sum(pid), host_hostname from results group by host_hostname`,
    );
    await types.add(
      ['pid', 'version'],
      [
        ['9', '1.9'],
        ['10', '1.10'],
      ],
      HOST,
    );
    expect(await types.result()).toMatchObject({ rows: [['10', '1.9', '1.10', '19', 'seven']] });
  });

  it("the host's columns win, and the last of two that are alike", async () => {
    const seen = await aggregate(
      `${prefix}select host_id, a, host_display_name from results group by 1, 2, 3`,
    );
    await seen.add(['a', 'HOST_ID', 'A'], [['x', '99', 'y']], HOST);
    expect(await seen.result()).toMatchObject({ rows: [['7', 'y', 'Number 7']] });
  });

  it.each([
    ['sum(pid)', { error: 'integer overflow' }],
    ['total(pid)', { columns: ['x'], rows: [['9.22337203685478e+18']] }],
  ])('%s of more than 64 bits', async (expression, expected) => {
    const sum = await aggregate(`${prefix}select ${expression} as x from results`);
    await sum.add(['pid'], [['9223372036854775807'], ['1']], HOST);
    expect(await sum.result()).toEqual(expected);
  });

  it('bounds the rows of a result', async () => {
    const pids = await aggregate(`${prefix}select pid, count(*) from results group by pid`, { rows: 2 });
    await pids.add(['pid'], [['1'], ['2']], HOST);
    expect(await pids.result()).toMatchObject({ rows: expect.any(Array) });
    await pids.add(['pid'], [['3']], HOST);
    expect(await pids.result()).toEqual({ error: 'more than 2 rows' });
  });

  it('bounds the columns', async () => {
    const wide = await aggregate(`${prefix}select count(*) from results`);
    await wide.add(
      Array.from({ length: 998 }, (_, index) => `c${index}`),
      [],
      HOST,
    );
    expect(await wide.result()).toEqual({ error: 'the answers have more than 1000 different columns' });
  });

  it('is over when it is closed', async () => {
    const closed = await aggregate(`${prefix}select count(*) from results`);
    closed.close();
    await closed.add(['pid'], [['1']], HOST);
    expect(await closed.result()).toEqual({ error: 'the aggregation is closed' });
  });
});

describe('the limits of what is kept per group', () => {
  it.each([
    [
      'select pid from results group by pid',
      'more than 3 groups and distinct values: group by something coarser',
    ],
    [
      'select count(distinct pid) from results',
      'more than 3 groups and distinct values: group by something coarser',
    ],
  ])('%s', async (sql, error) => {
    const many = await aggregate(sql, { groups: 3 });
    await many.add(['pid'], [['1'], ['2'], ['1'], ['2']], HOST);
    expect(await many.result()).toMatchObject({ columns: [expect.any(String)] });
    await many.add(['pid'], [['3'], ['4']], HOST);
    expect(await many.result()).toEqual({ error });
    await many.add(['pid'], [['1']], HOST);
    expect(await many.result()).toEqual({ error });
  });

  it.each(['select max(path) from results', 'select path from results group by path'])('%s', async (sql) => {
    const long = await aggregate(sql, { groupBytes: 10_000 });
    await long.add(['path'], [['x'.repeat(10_000)]], HOST);
    expect(await long.result()).toEqual({
      error: 'the groups need more than 10000 bytes: group by something shorter',
    });
  });
});

it('says when a name that the aggregate gives is a column of an answer after all', async () => {
  const many = await aggregate('select version, count(*) n from results group by version having n > 1');
  await many.add(['version'], [['1'], ['1']], HOST);
  expect(await many.result()).toMatchObject({ rows: [['1', '2']] });
  await many.add(['version', 'N'], [], HOST);
  expect(await many.result()).toEqual({
    error:
      'n is a column of the answers and a name that the aggregate gives: choose another name for it there',
  });
});

it('is not kept busy by a statement that takes long to understand', async () => {
  const doubled = Array.from(
    { length: 40 },
    (_, i) => `c${i + 1} as (select * from c${i} union all select * from c${i})`,
  );
  const sql = `with c0 as (select 1), ${doubled.join(', ')} select count(*) from c40`;
  await expect(checkAggregate(sql, { ...AGGREGATION_LIMITS, milliseconds: 1000 })).rejects.toMatchObject({
    code: 'invalid',
  });
});

describe('what does not end', () => {
  it.each([
    ['at the limit of time', `${ENDLESS} select count(*) from c`, { milliseconds: 300 }, 'killed: time'],
    ['where its rows end', `${ENDLESS} select x from c`, {}, 'more than 10000 rows'],
    [
      "at SQLite's limit of memory",
      `${ENDLESS} select count(*) from (select distinct x from c)`,
      { memoryBytes: 8e6 },
      'killed: memory',
    ],
    [
      'where its result takes too much memory',
      `${ENDLESS} select printf('%.*c', 1000000, 'x') from c`,
      { memoryBytes: 8e6 },
      'killed: memory',
    ],
  ])('is ended %s', async (_, sql, limits, error) => {
    const endless = await aggregate(sql, limits);
    await endless.add(['pid'], [['1']], HOST);
    expect(await endless.result()).toEqual({ error });
    expect(await endless.result()).toEqual({ error });
  });

  it('is ended by its process where SQLite does not look at the clock', async () => {
    // One call of one function, which takes minutes.
    const [most, some] = [4_000_000, 2_000_000].map((length) => `printf('%.*c', ${length}, 'a')`);
    const endless = await aggregate(`select instr(${most}, ${some} || 'b') from results`, {
      milliseconds: 100,
    });
    await endless.add(['pid'], [['1']], HOST);
    expect(await endless.result()).toEqual({ error: 'killed: time' });
  });

  it('takes rows only as long as there is room', async () => {
    const all = await aggregate('select * from results', { memoryBytes: 4e6 });
    const rows = Array.from({ length: 1000 }, (_, index) => [String(index).repeat(1000)]);
    await all.add(['path'], rows, HOST);
    await all.add(['path'], rows, HOST);
    expect(await all.result()).toEqual({ error: 'killed: memory' });
  });
});
