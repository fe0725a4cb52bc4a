import { readFile } from 'node:fs/promises';
import { type MusterApi, type ScriptRequest } from '../api/muster-api.js';
import { type Execution, type Host, isFinal, type Target } from '../api/shapes.js';
import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { CliError, ExitCode, UsageError } from '../errors.js';
import { cancelOnInterrupt } from '../output/cancel-on-interrupt.js';
import { CollectedOutput } from '../output/collected-output.js';
import { followOutput } from '../output/follow-output.js';
import { exitCodeOf } from '../output/outcome.js';
import { OutputWriter } from '../output/output-writer.js';
import { tellEnd } from '../output/tell-end.js';
import { isSigned, type SigningOptions } from '../signing/options.js';
import { type Signable } from '../signing/signable.js';
import { type Io, line, readAllText } from '../terminal/io.js';
import { Progress } from '../terminal/progress.js';

export interface RunScriptOptions extends ConnectionOptions, SigningOptions {
  readonly host: string;
  readonly file?: string;
  readonly contents?: string;
  readonly timeout?: number;
  readonly arg?: readonly string[];
  readonly async?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const SIGNED_TIMEOUT_SECONDS = 300;

export async function runScript(
  context: Context,
  words: readonly string[],
  options: RunScriptOptions,
): Promise<number> {
  const { io } = context;
  const contents = await chooseContents(io, words, options);
  return withApi(context, options, async (api) => {
    const host = await api.host(options.host);
    // What is signed says how long it may take at most: the server's own default is nothing that anybody here knows.
    const timeoutSeconds = options.timeout ?? (isSigned(options) ? SIGNED_TIMEOUT_SECONDS : undefined);
    const statement = await signed(context, options, contents, host, timeoutSeconds);
    const executionId = await api.runScript({
      hostId: host.id,
      contents,
      arguments: options.arg,
      timeoutSeconds,
      statement,
    });
    if (options.async) {
      const started = { host_id: host.id, execution_id: executionId };
      line(io.stdout, options.json ? JSON.stringify(started, null, 2) : executionId);
      return ExitCode.ok;
    }
    return watch(context, api, host, executionId, options);
  });
}

async function signed(
  context: Context,
  options: RunScriptOptions,
  contents: string,
  host: Host,
  timeoutSeconds = SIGNED_TIMEOUT_SECONDS,
): Promise<ScriptRequest['statement']> {
  if (!isSigned(options)) return undefined;
  const { signedFor } = await import('../signing/sign.js');
  const what: Signable = {
    run: { kind: 'script', arguments: options.arg, timeoutSeconds },
    content: Buffer.from(contents),
    stdin: null,
    hosts: [host],
  };
  return signedFor(context, options, what, { names: [options.host], open: false, ownContent: true });
}

async function chooseContents(io: Io, words: readonly string[], options: RunScriptOptions): Promise<string> {
  const given = [options.file !== undefined, options.contents !== undefined, words.length > 0].filter(
    Boolean,
  ).length;
  if (given !== 1) {
    throw new UsageError(
      'say what to run in one way: --file FILE, --contents TEXT, or -- followed by the script',
    );
  }
  if (options.contents !== undefined) return options.contents;
  if (options.file === undefined) return words.join(' ');
  try {
    if (options.file === '-') return await readAllText(io.stdin);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(options.file));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') throw new CliError(`${options.file} is not UTF-8 text`);
    throw new CliError(`cannot read ${options.file} (${code})`);
  }
}

async function watch(
  context: Context,
  api: MusterApi,
  host: Host,
  executionId: string,
  options: RunScriptOptions,
): Promise<number> {
  const { io } = context;
  const progress = new Progress(io, options.quiet === true || options.json === true);
  const collected = new CollectedOutput();
  const writer = new OutputWriter(io, undefined, options.quiet);
  const ending = new AbortController();
  const status = showState(api, host, executionId, progress, ending.signal);
  const interrupted = cancelOnInterrupt(
    io,
    { cancel: () => api.cancel(executionId), command: `muster logs ${executionId} --follow` },
    ending,
  );
  try {
    const chunks = followOutput(api, executionId, {
      signal: ending.signal,
      onDrop: () => progress.warn(`lost contact with ${api.url}, trying again…`),
      onResume: () => progress.note('in contact again'),
    });
    for await (const chunk of chunks) {
      status.stop();
      progress.clear();
      if (options.json) collected.add(chunk);
      else await writer.write(chunk);
    }
  } catch (error) {
    if (ending.signal.aborted) return ExitCode.cancelled;
    throw error;
  } finally {
    status.stop();
    progress.clear();
    interrupted.stop();
    ending.abort();
  }

  const execution = await api.execution(executionId);
  if (options.json) line(io.stdout, JSON.stringify(collected.attachTo(execution), null, 2));
  const target = onlyTarget(execution, executionId);
  if (!options.json && !options.quiet) tellEnd(target, progress);
  return exitCodeOf(target);
}

function onlyTarget(execution: Execution, executionId: string): Target {
  const target = execution.targets.find((each) => each.uuid === executionId) ?? execution.targets[0];
  if (!target) throw new CliError(`the server knows no target of execution ${executionId}`);
  return target;
}

/** Says what is going on until the first output comes. */
function showState(
  api: MusterApi,
  host: Host,
  executionId: string,
  progress: Progress,
  signal: AbortSignal,
): { stop: () => void } {
  const offline = `waiting for ${host.hostname} to come online…`;
  if (host.status !== 'online') progress.show(offline);
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const again = (): void => {
    timer = setTimeout(() => void look(), 1000);
  };
  const look = async (): Promise<void> => {
    try {
      const target = onlyTarget(await api.execution(executionId, signal), executionId);
      if (stopped) return;
      if (target.state === 'running') progress.show(`running on ${host.hostname}…`);
      else if (!isFinal(target.state) && host.status === 'online')
        progress.show(`${target.state} for ${host.hostname}…`);
    } catch {
      // Only a comfort; the stream of output notices what is wrong.
    }
    if (!stopped) again();
  };
  if (progress.visible) again();
  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
