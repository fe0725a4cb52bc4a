import { execFile } from 'node:child_process';

interface Answer {
  code: number;
  stdout: string;
  stderr: string;
}

/** `muster agent sql …`, as somebody at a terminal asks it: no server, a process of its own for the query. */
function sql(...args: string[]): Promise<Answer> {
  return new Promise((resolve) => {
    const options = {
      env: { ...process.env, MUSTER_NO_BUILD: '1', NODE_OPTIONS: '' },
      maxBuffer: 256 * 1024 * 1024,
    };
    execFile(process.execPath, ['bin/muster', 'agent', 'sql', ...args], options, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

const ENDLESS = 'with recursive c(x) as (select 1 union all select x + 1 from c)';

it('answers as a list of objects', async () => {
  const { code, stdout } = await sql('--json', `select pid, name from processes where pid = ${process.pid}`);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual([{ pid: String(process.pid), name: expect.any(String) }]);
  expect(JSON.parse((await sql('--json', 'select pid from processes where pid = -1')).stdout)).toEqual([]);
});

it('answers as a table, and a column per line', async () => {
  expect((await sql("select 'a' as one, null as two")).stdout).toContain('│ one │ two │');
  expect((await sql('--line', "select 'a' as one, 'b\nc' as three")).stdout).toBe(
    '  one = a\nthree = b\\x0ac\n\n',
  );
});

it('hands over a hundred thousand rows, in pieces', async () => {
  const { code, stdout } = await sql('--json', `${ENDLESS} select x from c limit 100000`);
  expect(code).toBe(0);
  const rows = JSON.parse(stdout) as { x: string }[];
  expect(rows).toHaveLength(100_000);
  expect(rows.at(-1)).toEqual({ x: '100000' });
});

it.each([
  [['select * from nope'], 1, 'no such table: nope'],
  [['selct'], 1, 'near "selct": syntax error'],
  [['select * from hash'], 1, 'Table hash was queried without a required column'],
  [['--timeout', '1', `${ENDLESS} select count(*) from c`], 1, 'killed: time'],
  [['--memory', '32', "select length(printf('%.*c', 200000000, 'x'))"], 1, 'killed: memory'],
  [['--rows', '10', `${ENDLESS} select x from c`], 1, 'more than 10 rows'],
  [['--osquery', '/nowhere/osqueryi', 'select 1'], 1, 'there is no such file'],
  [['--timeout', 'soon', 'select 1'], 2, '--timeout "soon" is no number above 0'],
  [[], 2, "missing required argument 'query'"],
])('%j ends with %i and says why', async (args, code, message) => {
  const answer = await sql(...args);
  expect(answer.code).toBe(code);
  expect(answer.stderr).toContain(message);
});

it('explains itself on one screen', async () => {
  const { code, stdout } = await sql('--help');
  expect(code).toBe(0);
  expect(stdout).toContain('Example:');
  expect(stdout.split('\n').length).toBeLessThan(25);
});
