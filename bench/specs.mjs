import { openStand } from './lib/stand.mjs';
import { standing } from './lib/standing.mjs';
import { HEADER, row } from './lib/stats.mjs';

const QUERIES = 1_000;
const PACKS = 100;
const LABELS = 200;
const PER_PACK = 10;
const ROUNDS = 5;
const BAR_MS = 3_000;

/** Specs: how long they take to apply, and what becomes of them on 10,000 hosts. */
export async function run(root) {
  await applying(root);
  await standing(root);
}

/** Applying many specs at once over HTTP: new ones, the same ones again, all of them changed, and what a comparison costs. */
async function applying(root) {
  const stand = await openStand(root);
  try {
    console.log(HEADER);
    const first = await timed(() => apply(stand, specs(0)));
    const times = { again: [], changed: [], diff: [] };
    for (let round = 1; round <= ROUNDS; round++) {
      times.changed.push(await timed(() => apply(stand, specs(round))));
      times.again.push(await timed(() => apply(stand, specs(round))));
      times.diff.push(await timed(() => stand.api.post('/api/v1/fleet/spec/diff', specs(round + 1))));
    }
    const what = `${QUERIES} queries, ${PACKS} packs, ${LABELS} labels`;
    console.log(row(`apply ${what}: all new, first call of the server`, [first]));
    console.log(row('apply: all changed', times.changed));
    console.log(row('apply: none changed', times.again));
    console.log(row('diff: all changed', times.diff));
    const worst = Math.max(first, ...times.changed);
    console.log(
      `  bar: ${what} < ${BAR_MS / 1000} s: ${worst < BAR_MS ? 'met' : 'MISSED'} (${worst.toFixed(0)} ms)`,
    );
  } finally {
    await stand.close();
  }
}

async function apply({ api }, { queries, packs, labels }) {
  await api.post('/api/v1/fleet/spec/queries', { specs: queries });
  await api.post('/api/v1/fleet/spec/labels', { specs: labels });
  await api.post('/api/v1/fleet/spec/packs', { specs: packs });
}

function specs(round) {
  const count = (n, make) => Array.from({ length: n }, (_, i) => make(i));
  return {
    queries: count(QUERIES, (n) => ({
      name: `query ${n}`,
      description: `What query ${n} is for, in round ${round}`,
      query: `SELECT pid, name, resident_size FROM processes WHERE resident_size > ${n * 1000 + round} ORDER BY resident_size DESC LIMIT 10;`,
      interval: 3600,
      platform: 'linux,darwin',
    })),
    labels: count(LABELS, (n) => ({
      name: `label ${n}`,
      query: `SELECT 1 FROM os_version WHERE major > ${n + round};`,
      label_membership_type: 'dynamic',
    })),
    packs: count(PACKS, (n) => ({
      name: `pack ${n}`,
      description: `Round ${round}`,
      targets: { labels: [`label ${n}`, `label ${n + PACKS}`], teams: null },
      queries: count(PER_PACK, (i) => ({
        query: `query ${n * PER_PACK + i}`,
        interval: 600 + round,
        snapshot: true,
      })),
    })),
  };
}

async function timed(work) {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
