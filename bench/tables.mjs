import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { HEADER, percentile, row, sample } from './lib/stats.mjs';

const PROCESSES = 300;
const RUNS = 100;
const PER_TABLE = 5;
const MEGABYTE = 1024 * 1024;

/** Every table of this machine through a query process, as the agent asks it; and the limits. */
export async function run(root) {
  const tables = join(root, 'dist/apps/agent/src/tables');
  const { QueryRunner } = await import(join(tables, 'query/runner.js'));
  const { DEFAULT_LIMITS } = await import(join(tables, 'query/query.js'));
  const { TABLES } = await import(join(tables, 'registry.js'));
  const { loadCatalog } = await import(join(tables, 'catalog/catalog.js'));
  const runner = new QueryRunner();
  const ask = async (sql, limits = {}) => {
    const begun = performance.now();
    let first;
    const sink = { columns: () => undefined, rows: () => void (first ??= performance.now() - begun) };
    const outcome = await runner.run(sql, sink, { ...DEFAULT_LIMITS, ...limits });
    return { ...outcome, first, ms: performance.now() - begun };
  };
  const must = async (sql) => {
    const outcome = await ask(sql);
    if (outcome.error !== null) throw new Error(`${sql}: ${outcome.error}`);
    return outcome;
  };

  const asleep = sleepers(PROCESSES - readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length);
  try {
    const all = await sample(RUNS, () => must('select * from processes'));
    const one = await sample(RUNS, () => must(`select * from processes where pid = ${process.pid}`));
    const constant = await sample(RUNS, () => must('select 1'));
    const seen = Number((await must('select pid from processes')).stats.rows);
    console.log(HEADER);
    console.log(row(`select * from processes, ${seen} of them`, all));
    console.log(row('select * from processes where pid = …', one));
    console.log(row('bare: select 1, to the process and back', constant));
    console.log(
      row('bare: the files of /proc that all of it is in, read', await sample(RUNS, readProcesses)),
    );
    const bars = [
      ['select * from processes < 50 ms', percentile(all, 0.5) < 50],
      ['by pid < 2 ms', percentile(one, 0.5) < 2],
    ];
    const files = await ask("select path, size from file where path like '/usr/%%'", { rows: 1_000_000 });
    console.log(
      `  select path, size from file where path like '/usr/%%': ${files.stats.rows} rows in ${files.ms.toFixed(0)} ms, the first after ` +
        `${files.first?.toFixed(0)} ms, at most ${(files.stats.peakBytes / MEGABYTE).toFixed(0)} MB`,
    );
    const endless = 'with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c';
    const stopped = await ask(endless, { milliseconds: 1000 });
    const late = stopped.stats.milliseconds - 1000;
    console.log(`  a runaway query with a limit of 1 s: "${stopped.error}", ${late} ms after its limit`);
    bars.push(['a runaway ends within 250 ms of its limit', stopped.error === 'killed: time' && late < 250]);
    console.log(`  bars: ${bars.map(([what, met]) => `${what} ${met ? 'met' : 'MISSED'}`).join(', ')}`);
  } finally {
    for (const child of asleep) child.kill('SIGKILL');
  }

  console.log(`\n  ${'table'.padEnd(28)}${'rows'.padStart(8)}${'ms'.padStart(10)}${'peak MB'.padStart(10)}`);
  const catalog = loadCatalog();
  for (const { name, platforms } of TABLES) {
    if (!platforms.includes(process.platform)) continue;
    if (catalog.get(name).columns.some((column) => column.required)) continue;
    const times = [];
    let last;
    for (let i = 0; i < PER_TABLE; i++) {
      last = await ask(`select * from "${name}"`, { rows: 10_000_000 });
      times.push(last.ms);
    }
    const figures = [
      String(last.stats.rows),
      percentile(times, 0.5).toFixed(1),
      (last.stats.peakBytes / MEGABYTE).toFixed(0),
    ];
    const [rows, ms, peak] = figures;
    console.log(
      `  ${name.padEnd(28)}${rows.padStart(8)}${ms.padStart(10)}${peak.padStart(10)}${last.error ? `  ${last.error}` : ''}`,
    );
  }
  runner.close();
}

function sleepers(count) {
  return Array.from({ length: Math.max(0, count) }, () => spawn('/bin/sleep', ['600'], { stdio: 'ignore' }));
}

const bytes = Buffer.allocUnsafe(64 * 1024);

/** What the kernel takes for `select * from processes`, whoever asks. */
function readProcesses() {
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    for (const name of ['stat', 'status', 'cmdline', 'io', 'cgroup'])
      ifThere(() => readOnce(`/proc/${pid}/${name}`));
    for (const name of ['exe', 'cwd', 'root']) ifThere(() => readlinkSync(`/proc/${pid}/${name}`));
  }
}

function readOnce(path) {
  const file = openSync(path);
  try {
    readSync(file, bytes);
  } finally {
    closeSync(file);
  }
}

/** A process may have ended, and a thread of the kernel has no program. */
function ifThere(read) {
  try {
    read();
  } catch (error) {
    if (!['ENOENT', 'ESRCH', 'EACCES'].includes(error.code)) throw error;
  }
}
