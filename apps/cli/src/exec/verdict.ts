import { type CommandItem } from '../api/command-shapes.js';
import { type Execution, isFinal, type Target } from '../api/shapes.js';
import { ExitCode } from '../errors.js';
import { exitCodeOf, signalName, describeDuration } from '../output/outcome.js';
import { amount } from '../query/standing.js';
import { type Io, line, printable, styled } from '../terminal/io.js';
import { type Column, renderTable } from '../terminal/table.js';

/** More hosts than this are not listed one by one: only those where something went wrong, and of these so many. */
const MOST_ROWS = 100;

const columns: readonly Column[] = [
  { title: 'HOST', least: 12 },
  { title: 'STATUS' },
  { title: 'EXIT' },
  { title: 'TIME' },
  { title: 'ERROR', least: 10 },
];

interface Row {
  readonly host: string;
  readonly status: string;
  readonly exit: string;
  readonly time: string;
  readonly error: string;
  readonly good: boolean;
}

/** Whether it was stopped between two waves: what runs has ended, and what does not waits for somebody's word. */
export function isHalted({ rollout, targets }: Execution): boolean {
  return (
    rollout?.state === 'halted' && targets.every(({ state }) => isFinal(state) || state === waitingForItsWave)
  );
}

const waitingForItsWave = 'ready';

/** How a command ended on its hosts. */
export class Verdict {
  /**
   * @param execution undefined: nothing was sent anywhere
   * @param refused hosts that it was asked for and does not have
   */
  constructor(
    private readonly execution: Execution | undefined,
    private readonly refused: readonly CommandItem[],
  ) {}

  /** That of the worst host; hosts whose wave was never sent are none, but a halt is no success. */
  get exitCode(): number {
    const halted = this.execution !== undefined && isHalted(this.execution);
    const meant = (this.execution?.targets ?? []).filter(({ state }) => !halted || isFinal(state));
    return Math.max(
      halted ? ExitCode.failure : ExitCode.ok,
      ...(this.refused.length > 0 ? [ExitCode.notRun] : []),
      // Not spread: there may be tens of thousands.
      meant.reduce((worst, target) => Math.max(worst, exitCodeOf(target)), 0),
    );
  }

  /** For people, on stderr: each host's end, how many went well, and what to do about a halt. */
  tell(io: Io): void {
    const rows = [...(this.execution?.targets ?? []).map(rowOf), ...this.refused.map(refusedRow)];
    rows.sort((a, b) => a.host.localeCompare(b.host, 'en', { numeric: true }));
    const shown = rows.length <= MOST_ROWS ? rows : rows.filter(({ good }) => !good).slice(0, MOST_ROWS);
    if (shown.length > 0) {
      const cells = shown.map(({ host, status, exit, time, error }) => [host, status, exit, time, error]);
      line(io.stderr, renderTable(io, columns, cells, io.stderr));
    }
    const good = rows.filter((row) => row.good).length;
    const unlisted = rows.length - good - shown.filter((row) => !row.good).length;
    const counts = [
      `${amount(good)} of ${amount(rows.length)} hosts ended with 0`,
      ...(unlisted > 0 ? [`${amount(unlisted)} more that did not are not listed`] : []),
    ];
    line(io.stderr, styled(io, io.stderr, good === rows.length ? 'green' : 'yellow', counts.join('; ')));
    if (this.execution && isHalted(this.execution)) this.tellHalt(io, this.execution);
  }

  private tellHalt(io: Io, { id, rollout, targets }: Execution): void {
    const waiting = targets.filter(({ state }) => !isFinal(state)).length;
    const text = `halted in wave ${rollout?.wave} of ${rollout?.waves}: ${rollout?.reason ?? 'no reason given'}`;
    line(io.stderr, styled(io, io.stderr, 'red', printable(text)));
    line(
      io.stderr,
      `${amount(waiting)} hosts were not sent anything: \`muster resume ${id}\` goes on, \`muster cancel ${id}\` ends it`,
    );
  }
}

function rowOf(target: Target): Row {
  const { state, exitCode, durationMs, host } = target;
  return {
    host: host.hostname || `host ${host.id}`,
    status: state === waitingForItsWave ? 'not sent' : state.replaceAll('_', ' '),
    exit: exitCode === undefined ? '' : String(exitCode),
    time: durationMs === undefined ? '' : describeDuration(durationMs),
    error: errorOf(target),
    good: isFinal(state) && exitCodeOf(target) === 0,
  };
}

function refusedRow({ hostname, status, error }: CommandItem): Row {
  return { host: hostname, status, exit: '', time: '', error: error ?? '', good: false };
}

function errorOf({ state, exitCode, signal, message, reason }: Target): string {
  if (state === 'finished')
    return exitCode === undefined && signal !== undefined ? `ended by ${signalName(signal)}` : '';
  return message ?? reason?.replaceAll('_', ' ') ?? '';
}
