import { type RunLimits } from '#libs/protocol/index';
import { type RunCgroup } from './cgroup.js';
import { filledDisk } from './disk-floor.js';
import { type Breach, breachOf, type LimitName } from './limits.js';
import { lastPid, proportionalBytes, type Usage, UsageMeter, zombiesOf } from './usage.js';

/** A run that ends sooner is never looked at. */
const FIRST_LOOK_MS = 100;
const NEAR_MS = 100;
const FAR_MS = 250;
/** Above this part of a limit a run is looked at often. */
const NEAR = 0.3;
/** The looks of a run take at most this part of a processor, unless that would leave it alone for longer than a second. */
const COST = 0.05;
const LONGEST_MS = 1000;

/** Who is watched: a `ProcessTree`. */
export interface Watched {
  /** The first of them. */
  readonly pid: number;
  /** The living processes. */
  members: () => Promise<readonly number[]>;
  /** The cgroup that they are in, if any: it counts better than we can. */
  readonly group: Pick<RunCgroup, 'bounds' | 'cpuSeconds' | 'memoryKills' | 'refusedForks'> | null;
}

/** What may be other than usual. */
export interface WatchOptions {
  /** Told of processes that were not there at the last look. */
  readonly onNewcomers?: (pids: readonly number[]) => void;
  /** Whether it is about to fill a disk. */
  readonly filled?: (written: number) => Breach | null;
}

/** Looks at a run now and then, and says when it has broken a limit. Idle between looks; gone with the run. */
export class LimitWatch {
  private timer: NodeJS.Timeout | null = null;
  private stopped = false;
  private known: ReadonlySet<number> = new Set();
  private readonly meter: UsageMeter;
  private bornBefore: number;
  private zombies = 0;

  constructor(
    private readonly watched: Watched,
    private readonly limits: RunLimits,
    private readonly onBreach: (breach: Breach) => void,
    private readonly options: WatchOptions = {},
  ) {
    this.bornBefore = watched.pid;
    this.meter = new UsageMeter(new Set<LimitName>([...(Object.keys(limits) as LimitName[]), 'disk_bytes']));
    this.next(FIRST_LOOK_MS);
  }

  stop(): void {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private next(afterMs: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => void this.look().catch(() => this.next(FAR_MS)), afterMs);
    this.timer.unref();
  }

  private async look(): Promise<void> {
    const began = performance.now();
    const pids = await this.watched.members();
    if (this.stopped) return;
    const newcomers = pids.filter((pid) => !this.known.has(pid));
    this.known = new Set(pids);
    const usage = this.crowded(pids) ? null : await this.meter.measure(pids);
    if (this.stopped) return;
    if (newcomers.length > 0) this.options.onNewcomers?.(newcomers);
    const breach = usage === null ? breachOf('processes', this.limits) : this.judge(usage, pids);
    if (breach !== null) {
      this.stop();
      return this.onBreach(breach);
    }
    const pause = usage !== null && nearest(usage, this.limits) < NEAR ? FAR_MS : NEAR_MS;
    this.next(Math.max(pause, Math.min((performance.now() - began) / COST, LONGEST_MS)));
  }

  /** Who has too many processes is not asked what each of them uses. */
  private crowded(pids: readonly number[]): boolean {
    const { group } = this.watched;
    return (
      pids.length > (this.limits.processes ?? Infinity) ||
      (group?.bounds('pids') === true && group.refusedForks() > 0)
    );
  }

  private judge(usage: Usage, pids: readonly number[]): Breach | null {
    const { group } = this.watched;
    if (group !== null) usage.cpu_seconds = Math.max(usage.cpu_seconds, group.cpuSeconds());
    usage.processes += this.countZombies(pids);
    if (group?.bounds('memory') === true) {
      if (group.memoryKills() > 0) return breachOf('memory_bytes', this.limits);
      // The kernel keeps it.
      usage.memory_bytes = 0;
    } else if (usage.memory_bytes > (this.limits.memory_bytes ?? Infinity)) {
      // What each has resident counts what they share several times.
      usage.memory_bytes = proportionalBytes(pids);
    }
    const broken = brokenBy(usage, this.limits);
    if (broken !== null) return breachOf(broken, this.limits);
    return (this.options.filled ?? filledDisk)(usage.disk_bytes);
  }

  /** The whole table is searched, so only when enough have been born since for a breach to be possible. */
  private countZombies(pids: readonly number[]): number {
    const { processes = Infinity } = this.limits;
    const last = lastPid();
    if (last >= this.bornBefore && last - this.bornBefore + this.zombies < processes / 2) return this.zombies;
    this.bornBefore = last;
    this.zombies = zombiesOf(pids);
    return this.zombies;
  }
}

/** The first limit that is broken. CPU and files are broken when they are used up, as the kernel has it; the others when exceeded. */
export function brokenBy(usage: Usage, limits: RunLimits): LimitName | null {
  const over = (name: 'memory_bytes' | 'processes' | 'disk_bytes'): boolean =>
    usage[name] > (limits[name] ?? Infinity);
  const usedUp = (name: 'cpu_seconds' | 'open_files'): boolean => usage[name] >= (limits[name] ?? Infinity);
  if (over('processes')) return 'processes';
  if (over('memory_bytes')) return 'memory_bytes';
  if (over('disk_bytes')) return 'disk_bytes';
  if (usedUp('cpu_seconds')) return 'cpu_seconds';
  return usedUp('open_files') ? 'open_files' : null;
}

/** The largest part of a limit that is used up, 0 to 1 and above. */
function nearest(usage: Usage, limits: RunLimits): number {
  return Math.max(
    0,
    ...(Object.keys(usage) as (keyof Usage)[]).map((name) => usage[name] / (limits[name] ?? Infinity)),
  );
}
