import { type MusterApi } from '../api/muster-api.js';
import { type Chunk, type Execution, type Target } from '../api/shapes.js';
import { type Context } from '../connect.js';
import { ExitCode } from '../errors.js';
import { cancelOnInterrupt } from '../output/cancel-on-interrupt.js';
import { CollectedOutput } from '../output/collected-output.js';
import { followOutput } from '../output/follow-output.js';
import { storedOutput } from '../output/stored-output.js';
import { OutputWriter } from '../output/output-writer.js';
import { exitCodeOf } from '../output/outcome.js';
import { tellEnd } from '../output/tell-end.js';
import { type Io, line, write } from '../terminal/io.js';
import { Progress } from '../terminal/progress.js';
import { HostLines } from './host-lines.js';
import { describeProgress } from './run-progress.js';
import { isHalted, tellVerdict, worstExitCode } from './verdict.js';

export interface CommandRunOptions {
  /** Where one host is meant, or any one, its output and its exit code are ours. */
  readonly meant: 'one' | 'any' | 'many';
  readonly json?: boolean;
}

/** What somebody who waits for a change is told about in time; many hosts make a long answer, so these are asked less often. */
const lookEvery = (targets: number): number => Math.max(1000, targets);

/** One command at a terminal, from the moment at which it was asked for to the end of its last host. */
export class CommandRun {
  private readonly io: Io;
  private readonly progress: Progress;
  private readonly collected = new CollectedOutput();
  private readonly names = new Map<string, string>();
  /** Aborts when nobody watches any more. */
  private readonly left = new AbortController();
  /** Aborts when there is nothing to follow any more. */
  private readonly ending = new AbortController();
  /** Of the last chunk that was taken. */
  private cursor = 0;
  private standing = '';
  private halted = false;

  constructor(
    { io }: Context,
    private readonly api: MusterApi,
    private readonly id: string,
    private readonly options: CommandRunOptions,
  ) {
    this.io = io;
    this.progress = new Progress(io, options.json === true);
    this.left.signal.addEventListener('abort', () => this.ending.abort());
  }

  /** @returns the exit code */
  async run(): Promise<number> {
    const interrupted = cancelOnInterrupt(
      this.io,
      { cancel: () => this.api.cancel(this.id), command: `muster logs ${this.id} --follow` },
      this.left,
    );
    try {
      const first = await this.api.execution(this.id, this.left.signal);
      this.learnNames(first);
      await this.follow(first);
    } catch (error) {
      if (this.left.signal.aborted) return ExitCode.cancelled;
      throw error;
    } finally {
      this.progress.clear();
      interrupted.stop();
    }
    return this.tell(await this.api.execution(this.id));
  }

  private async follow(first: Execution): Promise<void> {
    const writer = this.writerFor(first);
    this.progress.show((this.standing = describeProgress(first)));
    const looking = this.lookAgainAndAgain(first);
    try {
      for await (const chunk of this.chunks(first.id)) {
        await writer.write(chunk);
        this.cursor = chunk.seq;
      }
      if (this.halted)
        for await (const chunk of storedOutput(this.api, first.id, String(this.cursor)))
          await writer.write(chunk);
      await writer.end();
    } finally {
      looking.stop();
      this.ending.abort();
    }
  }

  /** Output as it comes, until its end or a halt. */
  private async *chunks(id: string): AsyncGenerator<Chunk, void> {
    try {
      yield* followOutput(this.api, id, {
        signal: this.ending.signal,
        onDrop: () => this.progress.warn(`lost contact with ${this.api.url}, trying again…`),
        onResume: () => this.progress.note('in contact again'),
      });
    } catch (error) {
      if (!this.halted || this.left.signal.aborted) throw error;
    }
  }

  private writerFor(first: Execution): { write(chunk: Chunk): Promise<void>; end(): Promise<void> } {
    const nothing = (): Promise<void> => Promise.resolve();
    if (this.options.json)
      return { write: (chunk) => Promise.resolve(this.collected.add(chunk)), end: nothing };
    if (this.oneOf(first)) {
      const writer = new OutputWriter(this.io, undefined);
      return {
        write: (chunk) => {
          this.progress.clear();
          return writer.write(chunk);
        },
        end: nothing,
      };
    }
    return new HostLines(
      this.io,
      (targetId) => this.names.get(targetId) ?? `target ${targetId}`,
      async (stream, lines) => {
        this.progress.clear();
        await write(this.io[stream], lines);
        if (!this.ending.signal.aborted) this.progress.show(this.standing);
      },
    );
  }

  /** Shows how far it has come, and notices a halt, which ends nothing by itself. */
  private lookAgainAndAgain(first: Execution): { stop: () => void } {
    if (!this.progress.visible && first.rollout === undefined) return { stop: () => undefined };
    let timer: NodeJS.Timeout | undefined;
    const alone = this.oneOf(first) !== undefined;
    const look = async (): Promise<void> => {
      try {
        const execution = await this.api.execution(first.id, this.ending.signal);
        if (this.ending.signal.aborted) return;
        this.standing = describeProgress(execution);
        // One host's output may stand in the middle of a line.
        if (!alone || this.cursor === 0) this.progress.show(this.standing);
        if (isHalted(execution)) {
          this.halted = true;
          this.ending.abort();
        }
      } catch {
        // Only a comfort; the stream of output notices what is wrong.
      }
      if (!this.ending.signal.aborted) again();
    };
    const again = (): void => {
      timer = setTimeout(() => void look(), lookEvery(first.targets.length));
    };
    if (isHalted(first)) void look();
    else again();
    return { stop: () => clearTimeout(timer) };
  }

  private tell(execution: Execution): number {
    const one = this.oneOf(execution);
    if (this.options.json) {
      line(this.io.stdout, JSON.stringify(this.collected.attachTo(execution), null, 2));
    } else if (one) {
      tellEnd(one, this.progress);
    } else {
      tellVerdict(this.io, execution);
    }
    return one ? exitCodeOf(one) : worstExitCode(execution);
  }

  /** The one target that counts; undefined where several do. */
  private oneOf({ targets }: Execution): Target | undefined {
    if (this.options.meant === 'many' || (this.options.meant === 'one' && targets.length > 1))
      return undefined;
    // One that went on to another host has not started on those before.
    return targets.reduce<Target | undefined>(
      (last, each) => (last && last.id > each.id ? last : each),
      undefined,
    );
  }

  /** Hosts may share a hostname: then their ids tell them apart. */
  private learnNames({ targets }: Execution): void {
    const uses = new Map<string, number>();
    for (const { host } of targets) uses.set(host.hostname, (uses.get(host.hostname) ?? 0) + 1);
    for (const { id, uuid, host } of targets) {
      const unique = host.hostname !== '' && uses.get(host.hostname) === 1;
      const name = unique ? host.hostname : `${host.hostname || 'host'} ${host.id}`;
      this.names.set(String(id), name).set(uuid, name);
    }
  }
}
