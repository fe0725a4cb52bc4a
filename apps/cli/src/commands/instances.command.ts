import { setTimeout as delay } from 'node:timers/promises';
import { type MusterApi } from '../api/muster-api.js';
import { type HostResult, type Run, type RunFilter } from '../api/instances-api.js';
import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { CliError, ExitCode } from '../errors.js';
import { line, printable } from '../terminal/io.js';
import { type Column, renderTable } from '../terminal/table.js';

export interface ListInstancesOptions extends ConnectionOptions {
  readonly host?: string;
  readonly team?: number;
  readonly json?: boolean;
}

export interface InstanceOptions extends ConnectionOptions {
  readonly team?: number;
  readonly json?: boolean;
}

export interface SaveInstanceOptions extends InstanceOptions {
  readonly host?: readonly string[];
  readonly label?: readonly string[];
  readonly arg?: readonly string[];
  readonly startXpath?: string;
  readonly stopXpath?: string;
  readonly schedule?: string;
  readonly timezone?: string;
  readonly missed?: string;
  readonly timeout?: number;
  readonly disabled?: boolean;
}

export interface StartOptions extends InstanceOptions {
  readonly host?: string;
}

export interface HistoryOptions extends InstanceOptions {
  readonly script?: string;
  readonly instance?: readonly string[];
  readonly state?: readonly string[];
  readonly exitCode?: readonly number[];
  readonly outdated?: boolean;
  readonly allKinds?: boolean;
  readonly host?: string;
  readonly limit?: number;
  readonly before?: number;
  readonly after?: number;
  readonly follow?: boolean;
}

export interface FactsOptions extends ConnectionOptions {
  readonly xpath?: string;
  readonly json?: boolean;
}

const DEFAULT_LIMIT = 20;
const MOST = 1_000;
const POLL_MS = 1_000;

const overviewColumns: readonly Column[] = [
  { title: 'SCRIPT', least: 12 },
  { title: 'INSTANCE', least: 12 },
  { title: 'STATE' },
  { title: 'STARTED' },
  { title: 'HOST', least: 8 },
  { title: 'TRIGGER', least: 10 },
];
const runColumns: readonly Column[] = [
  { title: 'ID' },
  { title: 'STARTED' },
  { title: 'HOST', least: 8 },
  { title: 'SCRIPT', least: 10 },
  { title: 'INSTANCE', least: 10 },
  { title: 'STATE' },
  { title: 'EXIT' },
  { title: 'SECONDS' },
  { title: 'TRIGGER', least: 10 },
];
const hostColumns: readonly Column[] = [
  { title: 'HOST', least: 12 },
  { title: 'STATE' },
  { title: 'ERROR', least: 10 },
];

export function listInstances(context: Context, options: ListInstancesOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const { io } = context;
    const { rows, raw } = await api.instances.overview(options.host, options.team);
    if (options.json) line(io.stdout, JSON.stringify(raw, null, 2));
    else if (rows.length === 0) line(io.stderr, 'no script instance: `muster instances save` makes one');
    else
      line(
        io.stdout,
        renderTable(
          io,
          overviewColumns,
          rows.map(({ script, instance, last }) => [
            script,
            instance,
            last?.state ?? '',
            last ? timeOf(last) : '',
            last?.host ?? '',
            last?.trigger ?? '',
          ]),
        ),
      );
    return ExitCode.ok;
  });
}

/** As a document, which `muster apply` takes, too. */
export function getInstance(
  context: Context,
  script: string,
  name: string,
  options: InstanceOptions,
): Promise<number> {
  return withApi(context, options, async (api) => {
    const specs = await api.specs.scriptInstances(options.team);
    const found = specs.find((spec) => isCalled(String(spec['script']), script) && spec['name'] === name);
    if (!found) throw new CliError(`the script "${script}" has no instance "${name}"`);
    line(context.io.stdout, JSON.stringify(found, null, 2));
    return ExitCode.ok;
  });
}

export function saveInstance(
  context: Context,
  script: string,
  name: string,
  options: SaveInstanceOptions,
): Promise<number> {
  return withApi(context, options, async (api) => {
    const { schedule, timezone, missed, startXpath, stopXpath } = options;
    const saved = await api.instances.save(await scriptId(api, script, options.team), name, {
      hosts: options.host,
      labels: options.label,
      arguments: options.arg,
      ...(startXpath !== undefined && { start_trigger: { type: 'xpath', setting: startXpath } }),
      ...(schedule !== undefined && {
        start_trigger: { type: 'schedule', setting: schedule, timezone, missed },
      }),
      ...(stopXpath !== undefined && { stop_trigger: { type: 'xpath', setting: stopXpath } }),
      timeout: options.timeout,
      enabled: options.disabled !== true,
    });
    const text = options.json ? JSON.stringify(saved, null, 2) : printable(`saved ${name} of ${script}`);
    line(context.io.stdout, text);
    return ExitCode.ok;
  });
}

export function removeInstance(
  context: Context,
  script: string,
  name: string,
  options: InstanceOptions,
): Promise<number> {
  return withApi(context, options, async (api) => {
    await api.instances.remove(await scriptId(api, script, options.team), name);
    line(context.io.stdout, options.json ? '{}' : printable(`deleted ${name} of ${script}`));
    return ExitCode.ok;
  });
}

/** Starts or stops it; where it is many hosts, says what became of each. */
export function startOrStop(
  context: Context,
  what: 'start' | 'stop',
  script: string,
  instance: string,
  options: StartOptions,
): Promise<number> {
  return withApi(context, options, async (api) => {
    const { io } = context;
    const { host, team } = options;
    const method = what === 'start' ? 'script_start' : 'script_stop';
    const { last, hosts, raw } = await api.instances.start(method, { script, instance, host, team });
    if (options.json) line(io.stdout, JSON.stringify(raw, null, 2));
    else if (hosts.length > 0) line(io.stdout, renderTable(io, hostColumns, hosts.map(hostRow)));
    else if (last) line(io.stdout, printable(`${last.id}: ${last.state} on ${last.host}`));
    return hosts.some(({ error }) => error !== undefined) ? ExitCode.failure : ExitCode.ok;
  });
}

/** The newest last, as in a log. */
export function history(context: Context, options: HistoryOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const { io } = context;
    const filter: RunFilter = {
      ...(options.script !== undefined && { script: options.script }),
      ...(options.instance && { instances: options.instance }),
      ...(options.state && { states: options.state }),
      ...(options.exitCode && { exitCodes: options.exitCode }),
      ...(options.outdated && { outdated: true }),
      ...(options.allKinds && { allKinds: true }),
      ...(options.host !== undefined && { host: options.host }),
      ...(options.team !== undefined && { team: options.team }),
    };
    const limit = options.limit ?? DEFAULT_LIMIT;
    const { runs, raw } =
      options.after === undefined
        ? await api.instances.history(filter, -limit, options.before)
        : await api.instances.history(filter, limit, options.after);
    if (options.json && !options.follow) {
      line(io.stdout, JSON.stringify(raw, null, 2));
      return ExitCode.ok;
    }
    const oldestFirst = [...runs].reverse();
    if (options.follow) return follow(context, api, filter, oldestFirst, options.json === true);
    if (runs.length === 0) line(io.stderr, 'no such run');
    else line(io.stdout, renderTable(io, runColumns, oldestFirst.map(runRow)));
    return ExitCode.ok;
  });
}

/** Each run when it is first seen, and once more when it has ended. Goes on until it is interrupted. */
async function follow(
  { io }: Context,
  api: MusterApi,
  filter: RunFilter,
  first: readonly Run[],
  json: boolean,
): Promise<number> {
  const told = new Map<number, string>();
  const tell = (run: Run): void => {
    if (told.get(run.id) === run.state) return;
    told.set(run.id, run.state);
    line(io.stdout, json ? JSON.stringify(run.raw) : printable(runRow(run).filter(Boolean).join('  ')));
  };
  for (const run of first) tell(run);
  let seen = first.at(-1)?.id ?? (await newest(api, filter));
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  io.signals.on('SIGINT', interrupt);
  io.signals.on('SIGTERM', interrupt);
  try {
    while (!stop.signal.aborted) {
      await delay(POLL_MS, undefined, { signal: stop.signal }).catch(() => undefined);
      if (stop.signal.aborted) break;
      const open = [...told].filter(([, state]) => !isEnd(state)).map(([id]) => id);
      // Runs that are told of as ended need not be looked at again; those that go on are, from the oldest on.
      const { runs } = await api.instances.history(filter, MOST, Math.min(seen, ...open.map((id) => id - 1)));
      for (const run of [...runs].reverse()) tell(run);
      seen = Math.max(seen, runs[0]?.id ?? seen);
    }
  } finally {
    io.signals.off('SIGINT', interrupt);
    io.signals.off('SIGTERM', interrupt);
  }
  return ExitCode.ok;
}

async function newest(api: MusterApi, filter: RunFilter): Promise<number> {
  return (await api.instances.history(filter, -1)).runs[0]?.id ?? 0;
}

export function facts(context: Context, host: string, options: FactsOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const { id } = await api.host(host);
    const { text, raw } = await api.instances.facts(id, options.xpath);
    const { io } = context;
    if (options.json) line(io.stdout, JSON.stringify(raw, null, 2));
    else if (text === '') line(io.stderr, 'nothing is selected');
    else line(io.stdout, text.split('\n').map(printable).join('\n'));
    return ExitCode.ok;
  });
}

async function scriptId(api: MusterApi, script: string, team: number | undefined): Promise<number> {
  const scripts = await api.scripts(team);
  const exact = scripts.filter(({ name }) => name.toLowerCase() === script.toLowerCase());
  const found = exact.length > 0 ? exact : scripts.filter(({ name }) => isCalled(name, script));
  const [one] = found;
  if (!one) throw new CliError(`there is no script "${script}"`);
  if (found.length > 1)
    throw new CliError(`there are ${found.map(({ name }) => name).join(' and ')}: say which`);
  return one.id;
}

function isCalled(scriptName: string, name: string): boolean {
  const [own, asked] = [scriptName.toLowerCase(), name.toLowerCase()];
  return own === asked || own.replace(/\.(sh|ps1)$/, '') === asked;
}

function isEnd(state: string): boolean {
  return state === 'finished' || state === 'killed';
}

function timeOf({ startedAt }: Run): string {
  return new Date(startedAt * 1_000).toISOString().replace('.000', '');
}

function runRow(run: Run): string[] {
  return [
    String(run.id),
    timeOf(run),
    run.host,
    run.script,
    run.instance,
    run.state,
    run.exitCode === undefined ? '' : String(run.exitCode),
    run.duration === undefined ? '' : (run.duration / 1_000).toFixed(1),
    run.trigger,
  ];
}

function hostRow({ host, state, error }: HostResult): string[] {
  return [host, state ?? '', error ?? ''];
}
