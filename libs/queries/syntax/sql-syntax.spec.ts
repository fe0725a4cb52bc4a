import { sqlProblems } from './sql-syntax.js';

const problemOf = async (sql: string): Promise<string | null> => (await sqlProblems([sql]))[0] ?? null;

describe('the syntax of SQL', () => {
  it.each([
    'SELECT 1',
    "select 1 from os_version where platform = 'ubuntu';",
    'SELECT concat(a, b), foo(1) FROM anything JOIN other USING (a) -- and a comment',
    'SELECT 1 FROM disk_encryption WHERE user_uuid IS NOT “” AND filevault_status = ‘on’ LIMIT 1;',
    "WITH t AS (SELECT 1 AS a) SELECT * FROM t, json_each('[1]') WHERE elsewhere.b = 1",
    'SELECT 1; SELECT 2;',
    '-- nothing but a comment',
    '',
  ])('is right: %s', async (sql) => {
    expect(await problemOf(sql)).toBeNull();
  });

  it.each([
    ['SELEC 1', 'near "SELEC": syntax error'],
    ['SELECT * FORM users', 'near "FORM": syntax error'],
    ['SELECT * FROM users WHERE', 'incomplete input'],
    ["SELECT 'open", 'unrecognized token: "\'open"'],
    ['SELECT 1 FROM missing; SELECT FROM', 'near "FROM": syntax error'],
    ['SELECT 1 UNION SELECT 1, 2', /same number of result columns/],
  ])('is wrong: %s', async (sql, problem) => {
    expect(await problemOf(sql)).toEqual(
      typeof problem === 'string' ? problem : expect.stringMatching(problem),
    );
  });

  it('is checked for many statements in one process, and runs none of them', async () => {
    const statements = Array.from({ length: 1000 }, (_, n) => `SELECT ${n} FROM t${n} WHERE a = ${n}`);
    statements[500] = 'SELECT (';
    const problems = await sqlProblems([
      ...statements,
      'CREATE TABLE made (a)',
      'SELECT 1 FROM made LIMIT )',
    ]);
    expect(problems.flatMap((problem, index) => (problem === null ? [] : [index]))).toEqual([500, 1001]);
  });
});
