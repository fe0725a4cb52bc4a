import { type StartTrigger } from '#libs/protocol/index';
import { CronTimes } from '#libs/triggers/index';
import { type Look, REST } from './look.js';

/** A time that is later than this was missed. */
const LATE_MS = 30_000;
/** Of more missed times the last ones count. */
const MAX_MISSED = 100;
/** A clock that was set back by more than this leaves no time waiting for it to come again. */
const CLOCK_MS = 86_400_000;

type Schedule = StartTrigger & { type: 'schedule' };

/** The times of a cron line: each fires once; what becomes of those that were missed, its policy says. */
export class ScheduleTrigger {
  private readonly times: CronTimes;
  private last: number;

  /** @param known the last time that was handled, as an earlier process knew it; null: times count from now. */
  constructor(
    private readonly trigger: Schedule,
    known: string | null,
    now: number,
  ) {
    this.times = new CronTimes(trigger.setting, trigger.timezone);
    const last = known === null ? Number.NaN : Number(known);
    this.last = Number.isFinite(last) && last < now + CLOCK_MS ? last : now;
  }

  get known(): string {
    return String(this.last);
  }

  /** Whether missed times are made up for. */
  get makesUp(): boolean {
    return (this.trigger.missed ?? 'skip') !== 'skip';
  }

  /** @param now milliseconds since the epoch */
  look(now: number): Look {
    const due = this.times.between(this.last, now, MAX_MISSED);
    const latest = due.at(-1);
    if (latest !== undefined) {
      if (!this.makesUp && now - latest > LATE_MS) this.last = latest;
      else return { kind: 'fires', seen: String(this.trigger.missed === 'all' ? due[0] : latest) };
    }
    const next = this.times.next(now);
    return next === null ? REST : { kind: 'wait', ms: next - now };
  }

  /** Times until now are handled, and fire nothing. */
  ignore(now: number): void {
    this.last = Math.max(this.last, now);
  }

  /** It was fired for this time. */
  take(seen: string): void {
    this.last = Number(seen);
  }
}
