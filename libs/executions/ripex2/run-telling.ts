import { stemOf } from '#libs/scripts/index';
import {
  type RunHost,
  type RunRow,
  type RunSeries,
  type StartTerm,
  type Trigger,
} from './history/found-runs.js';
import { toOutcome } from './history/outcomes.js';
import { type RpcExecutionDto } from './rpc.dto.js';
import { shellQuoted } from './shell-quoted.js';

/** A run in RipEX2's words: unset attributes are absent. */
export function toExecution(run: RunRow): RpcExecutionDto {
  return {
    id: run.id,
    ...(run.host && ofHost(run.host)),
    start_timestamp: startOf(run),
    ...ofSeries(run.series),
    ...ofStart(run.start),
    ...ofOutcome(run.outcome),
    ...(hasDuration(run) && { duration: run.durationMs }),
    ...(run.stop && hasStop(run) && ofStop(run.stop)),
  };
}

/**
 * The same of a page's runs, as the JSON of `{ executions }`. Most of what is told of one run is told of many, and becomes text once; and the text is
 * written where it is to stand a few runs at a time: a thousand objects, or one long text made of as many, took longer than the runs to find.
 */
export function executionsJson(runs: readonly RunRow[]): Buffer {
  const outcomes = new Map<number, string>();
  let json = Buffer.allocUnsafe(PIECE * 3 + runs.length * RUN_BYTES);
  let length = 0;
  const write = (text: string): void => {
    // No character takes more than three bytes.
    if (json.length - length < text.length * 3)
      json = Buffer.concat([json.subarray(0, length)], 2 * json.length + text.length * 3);
    length += json.write(text, length);
  };
  let text = '{"executions":[';
  let separator = '';
  for (const run of runs) {
    let outcome = outcomes.get(run.outcome);
    if (outcome === undefined) outcomes.set(run.outcome, (outcome = attributes(ofOutcome(run.outcome))));
    text +=
      `${separator}{"id":${run.id}${run.host ? `,${hostText(run.host)}` : ''},"start_timestamp":${startOf(run)},${seriesText(run.series)},` +
      `${startText(run.start)},${outcome}${hasDuration(run) ? `,"duration":${run.durationMs}` : ''}${run.stop && hasStop(run) ? `,${stopText(run.stop)}` : ''}}`;
    separator = ',';
    if (text.length < PIECE) continue;
    write(text);
    text = '';
  }
  write(`${text}]}`);
  return json.subarray(0, length);
}

/** Characters that are written at once, or a few more. */
const PIECE = 4_096;

/** As much as most runs take; where they take more there will be more. */
const RUN_BYTES = 400;

const hostText = remembered(ofHost);
const seriesText = remembered(ofSeries);
const startText = remembered(ofStart);
const stopText = remembered(ofStop);

/** @param part what JSON says of something that never changes @returns the same as text, made once as long as the thing is there */
function remembered<Thing extends object>(part: (thing: Thing) => object): (thing: Thing) => string {
  const known = new WeakMap<Thing, string>();
  return (thing) => {
    let text = known.get(thing);
    if (text === undefined) known.set(thing, (text = attributes(part(thing))));
    return text;
  };
}

/** @param object with at least one attribute @returns its JSON without the braces */
function attributes(object: object): string {
  return JSON.stringify(object).slice(1, -1);
}

const startOf = ({ startedMs }: RunRow): number => Math.floor(startedMs / 1_000);

function hasDuration(run: RunRow): run is RunRow & { readonly durationMs: number } {
  const { state } = toOutcome(run.outcome);
  return (state === 'finished' || state === 'killed') && run.durationMs !== null;
}

function hasStop({ outcome }: RunRow): boolean {
  return toOutcome(outcome).state !== 'running';
}

function ofHost({ hostname }: RunHost): Pick<RpcExecutionDto, 'host'> {
  return { host: hostname };
}

function ofSeries({
  alike,
  scriptName,
  instanceName,
  current,
}: RunSeries): Pick<RpcExecutionDto, 'script_name' | 'instance_name' | 'is_outdated'> {
  return {
    script_name: alike ? scriptName : stemOf(scriptName),
    instance_name: instanceName,
    ...(!current && { is_outdated: true }),
  };
}

function ofStart({
  arguments: args,
  trigger,
}: StartTerm): Pick<RpcExecutionDto, 'start_trigger' | 'arguments'> {
  return { start_trigger: toTrigger(trigger), ...(args.length > 0 && { arguments: shellQuoted(args) }) };
}

function ofOutcome(outcome: number): Pick<RpcExecutionDto, 'state' | 'exit_code'> {
  const { state, exitCode } = toOutcome(outcome);
  return { state, ...(exitCode !== null && { exit_code: exitCode }) };
}

function ofStop(trigger: Trigger): Pick<RpcExecutionDto, 'stop_trigger'> {
  return { stop_trigger: toTrigger(trigger) };
}

function toTrigger({ type, setting, username }: Trigger): Trigger {
  return {
    type,
    ...(setting !== undefined && { setting }),
    ...(username !== undefined && username !== '' && { username }),
  };
}
