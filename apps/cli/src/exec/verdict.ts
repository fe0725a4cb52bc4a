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

/** That of the worst host; hosts whose wave was never sent are none, but a halt is no success. */
export function worstExitCode(execution: Execution): number {
  const halted = isHalted(execution);
  const meant = execution.targets.filter(({ state }) => !halted || isFinal(state));
  return meant.reduce<number>(
    (worst, target) => Math.max(worst, exitCodeOf(target)),
    halted ? ExitCode.failure : ExitCode.ok,
  );
}

/** For people, on stderr: each host's end, how many went well, and what to do about a halt. */
export function tellVerdict(io: Io, execution: Execution): void {
  const rows = execution.targets.map(rowOf);
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
  if (isHalted(execution)) tellHalt(io, execution);
}

function tellHalt(io: Io, { id, rollout, targets }: Execution): void {
  const waiting = targets.filter(({ state }) => !isFinal(state)).length;
  const where = rollout?.wave ? `in wave ${rollout.wave} of ${rollout.waves}` : 'before the first wave';
  const text = `halted ${where}: ${rollout?.reason ?? 'no reason given'}`;
  line(io.stderr, styled(io, io.stderr, 'red', printable(text)));
  line(
    io.stderr,
    `${amount(waiting)} hosts were not sent anything: \`muster resume ${id}\` goes on, \`muster cancel ${id}\` ends it`,
  );
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

function errorOf({ state, exitCode, signal, message, reason }: Target): string {
  if (state === 'finished')
    return exitCode === undefined && signal !== undefined ? `ended by ${signalName(signal)}` : '';
  return message ?? reason?.replaceAll('_', ' ') ?? '';
}
