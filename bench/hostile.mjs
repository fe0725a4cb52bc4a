import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStand } from './lib/stand.mjs';
import { HEADER, percentile, row, sample } from './lib/stats.mjs';

const SAMPLES = 600;
/** As many at once as an agent of this size takes commands. */
const ATTACKERS = 4;
const BAR = 2;
/** They use up nothing: only their timeout ends them. The others are to end at their limits. */
const WAITING = new Set(['daemons that wait', 'deaf to TERM', 'blocked pipe']);
const LIMITS = [
  'cpu_seconds=3',
  'memory_bytes=256MiB',
  'processes=100',
  'open_files=200',
  'file_bytes=32MiB',
  'disk_bytes=24MiB',
  'output_bytes=64MiB',
].flatMap((limit) => ['--limit', limit]);

/** Each ends by itself within half a minute, also when nobody ends it. */
function hostileScripts(scratch) {
  const node = (program) => `exec ${process.execPath} -e '${program}'`;
  const disguised = (what) => `(setsid env -i /bin/sh -c '/bin/sh -c "${what}" >/dev/null 2>&1 &' &)\n`;
  return {
    'fork bomb': 'f() { [ "$1" = 0 ] && exec sleep 20; f $(($1-1)) & f $(($1-1)) & wait; }; f 9',
    'memory hog': node(
      'const a = []; for (let i = 0; i < 60; i++) a.push(Buffer.alloc(1e7, 1)); setTimeout(() => a, 2e4)',
    ),
    'disk filler': `exec head -c 67108864 /dev/zero > ${scratch}/large-$$`,
    'file spammer': `for i in $(seq 2000); do head -c 50000 /dev/zero > ${scratch}/$$-$i; done; sleep 20`,
    'endless output': 'yes | head -c 1073741824; sleep 20',
    'file hog': node(
      'for (let i = 0; i < 900; i++) try { fs.openSync("/dev/null") } catch { break } setTimeout(() => 0, 2e4)',
    ),
    'many who compute': 'for i in $(seq 8); do timeout 20 sh -c "while :; do :; done" & done; wait',
    'daemon that computes': `${disguised('exec timeout 20 sh -c \\"while :; do :; done\\"')}exec sleep 20`,
    'daemons that wait': `${disguised('exec sleep 25').repeat(3)}exec sleep 25`,
    'deaf to TERM': 'trap "" TERM INT HUP; n=0; while [ $n -lt 200 ]; do sleep 0.1; n=$((n+1)); done',
    'maker of zombies': 'for i in $(seq 400); do : & done; exec sleep 20',
    'blocked pipe': `mkfifo ${scratch}/pipe-$$; timeout 30 cat < ${scratch}/pipe-$$`,
  };
}

/** `echo` on one host, while there is peace and while another host runs nothing but hostile scripts, four at a time. */
export async function run(root) {
  const stand = await openStand(root);
  const scratch = mkdtempSync(join(tmpdir(), 'muster-hostile-'));
  try {
    const attacked = await stand.agent('bench-attacked', LIMITS);
    await stand.agent('bench-other');
    const apart = separate(attacked.child.pid);
    console.log(
      apart
        ? '  the attacked host has a processor of its own, as another machine would; all else shares the others, in peace too'
        : '  everything shares the same processors: the attack takes them from the server as well',
    );
    const echo = async () => {
      const { results } = await stand.api.post('/node/bench-other/command/exec', {
        command: 'echo',
        args: ['hello'],
      });
      if (results[0].stdout !== 'hello\n') throw new Error(`unexpected result ${JSON.stringify(results[0])}`);
    };
    console.log(HEADER);
    const quiet = await sample(SAMPLES, echo);
    console.log(row('echo on another host, in peace', quiet));

    const attack = startAttack(stand, hostileScripts(scratch));
    const onAttacked = [];
    const besieged = await sample(SAMPLES, echo);
    console.log(row('the same during the attack', besieged));
    for (let i = 0; i < 20; i++) {
      const began = performance.now();
      await stand.api.post('/node/bench-attacked/command/exec', {
        command: 'echo',
        args: ['hello'],
        wait: 60,
      });
      onAttacked.push(performance.now() - began);
    }
    console.log(row('echo on the attacked host itself, with its queue', onAttacked));
    const endings = await attack.stop();
    for (const [ending, count] of Object.entries(endings).sort())
      console.log(`    ${ending.padEnd(50)}${count}`);
    const ratio = percentile(besieged, 0.99) / percentile(quiet, 0.99);
    console.log(
      `  bar: p99 during the attack within ${BAR} × of its quiet value: ${ratio <= BAR ? 'met' : 'MISSED'} (${ratio.toFixed(2)} ×)`,
    );
  } finally {
    await stand.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Runs one hostile script after another, so many at once, until `stop()`, which tells how they ended: `script: reason` → how often. */
function startAttack(stand, scripts) {
  const names = Object.keys(scripts);
  const endings = {};
  let next = 0;
  let over = false;
  const attacker = async () => {
    while (!over) {
      const name = names[next++ % names.length];
      const { results } = await stand.api.post('/node/bench-attacked/command/shell', {
        command: scripts[name],
        timeout: WAITING.has(name) ? 2 : 25,
        wait: 120,
      });
      const ending = `${name}: ${results[0].reason ?? `exit code ${results[0].exit_code}`}`;
      endings[ending] = (endings[ending] ?? 0) + 1;
    }
  };
  const attackers = Array.from({ length: ATTACKERS }, attacker);
  return {
    async stop() {
      over = true;
      await Promise.all(attackers);
      return endings;
    },
  };
}

/** Gives one process, and what it will start, the last processor, and all other processes of this bench the rest. */
function separate(pid) {
  const last = availableParallelism() - 1;
  if (last < 1) return false;
  const pin = (cpus, one) => execFileSync('taskset', ['-acp', cpus, String(one)], { stdio: 'ignore' });
  try {
    for (const one of descendants(process.pid)) pin(one === pid ? String(last) : `0-${last - 1}`, one);
    return true;
  } catch {
    return false;
  }
}

function descendants(pid) {
  const parents = new Map();
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      parents.set(
        Number(name),
        Number(readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1].split(' ')[1]),
      );
    } catch {
      // Ended meanwhile.
    }
  }
  const found = [pid];
  for (const one of found) for (const [child, parent] of parents) if (parent === one) found.push(child);
  return found;
}
