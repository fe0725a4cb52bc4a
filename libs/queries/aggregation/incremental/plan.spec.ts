import { ResultsStore } from '../stored/results-store.js';
import { parseSelect } from './parser.js';
import { planSelect, type Plan } from './plan.js';

/** The plan of what SQLite understands. */
async function planned(sql: string): Promise<Plan | null> {
  const store = await ResultsStore.open(64e6);
  const names = store.check(sql, 60_000);
  store.close();
  const select = parseSelect(sql);
  return select && planSelect(select, names);
}

describe('what is computed from groups', () => {
  it.each([
    'select version, count(*) n from results group by version order by n desc',
    'SELECT r.version AS "v", max(pid) FROM results r WHERE pid > 10 GROUP BY 1 HAVING count(*) > 1 ORDER BY v LIMIT 5 OFFSET 1;',
    'select count(distinct host_id) from results -- hosts',
    'select distinct lower(path) from results order by 1 desc nulls first',
    "select count(*) from results order by -('2'), -2.5",
    'select pid / 1000 as k, sum(pid) / count(*) from results group by k',
  ])('%s', async (sql) => expect(await planned(sql)).not.toBeNull());
});

describe('what is left to SQLite', () => {
  it.each([
    'select * from results',
    'select version from results order by version limit 10',
    'select version, pid, max(pid) from results group by version',
    'select version, group_concat(pid) from results group by version',
    'select count(*) filter (where pid > 1) from results',
    'select count(*) over () from results',
    'select count(*) from results a join results b using (pid)',
    'select version, count(*) from results group by version collate nocase',
    'select count(*) from (select 1 from results)',
    'select count(*) from results union select 1',
    'select version, count(*) from results group by cast(version as text)',
    'select count(*) from results where rowid > 1',
    'select count(*) from results limit 1 + 1',
    'select max(pid, 1), count(*) from results group by pid & 1',
    'values (1)',
  ])('%s', async (sql) => expect(await planned(sql)).toBeNull());
});
