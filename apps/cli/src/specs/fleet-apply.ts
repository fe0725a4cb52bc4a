import { type SpecsApi } from '../api/specs-api.js';
import { CliError, ExitCode } from '../errors.js';
import { type Io, line, printable } from '../terminal/io.js';
import { Progress } from '../terminal/progress.js';
import { applySteps, check, type Step, stepsOf, type Unchecked } from './apply-plan.js';
import { counted, described, outcomeJson, type Outcome, tableOf, whatBecame } from './apply-report.js';
import { type SpecDocument } from './document.js';
import { type Change, planOf } from './plan.js';

export interface FleetApplyOptions {
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** One `muster apply`: compares, says what will change, has it checked, applies it, says what was done. */
export class FleetApply {
  private readonly progress: Progress;

  constructor(
    private readonly io: Io,
    private readonly api: SpecsApi,
    private readonly options: FleetApplyOptions,
  ) {
    this.progress = new Progress(io, options.json === true);
  }

  /**
   * @returns the exit code
   * @throws CliError telling what the server refused, what was applied before it and what was not
   */
  async run(documents: readonly SpecDocument[]): Promise<number> {
    this.progress.show('comparing');
    const changes = await this.quietly(() => planOf(this.api, documents, this.options.force === true));
    if (!this.options.json) line(this.io.stdout, tableOf(this.io, changes));
    await (this.options.dryRun ? this.tryOut(changes) : this.apply(changes));
    return ExitCode.ok;
  }

  private async tryOut(changes: readonly Change[]): Promise<void> {
    const unchecked = await this.check(changes, changes);
    this.tell({ changes, unchecked, done: [], left: [] });
  }

  private async apply(changes: readonly Change[]): Promise<void> {
    const changed = changes.filter(({ change }) => change !== 'unchanged');
    const steps = stepsOf(changed);
    // The others have been checked when they were compared.
    const comparedHere = changed.filter(({ kind }) => kind === 'config' || kind === 'user_roles');
    if (steps.length > 1) await this.check(comparedHere, changes);
    const applied = await this.quietly(() =>
      applySteps(this.api, steps, this.options.force === true, (step) => this.begin(step)),
    );
    this.tell({ changes, unchecked: [], ...applied });
    const { failure } = applied;
    if (failure)
      throw new CliError(`${failure.error.message}; ${whatBecame(applied)}`, failure.error.exitCode);
  }

  private begin(step: Step): void {
    this.progress.show(`applying ${counted(step)}`);
  }

  /** @param all what `changes` may need, and what is told about when the server refuses something */
  private async check(changes: readonly Change[], all: readonly Change[]): Promise<Unchecked[]> {
    this.progress.show('checking');
    try {
      return await this.quietly(() => check(this.api, changes, all, this.options.force === true));
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      if (this.options.json)
        this.tell({ changes: all, unchecked: [], done: [], left: stepsOf(changes), error });
      throw new CliError(`${error.message}; nothing was changed`, error.exitCode);
    }
  }

  /** Leaves no progress behind. */
  private async quietly<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      this.progress.clear();
    }
  }

  private tell(outcome: Outcome): void {
    const { io, options } = this;
    if (options.json)
      return line(io.stdout, JSON.stringify(outcomeJson(outcome, options.dryRun === true), null, 2));
    for (const { change, needs } of outcome.unchecked)
      line(
        io.stderr,
        printable(`not checked: ${described(change)}, as ${described(needs)} is not there yet`),
      );
    if (outcome.failure) return;
    if (options.dryRun) return line(io.stdout, 'dry run: nothing was changed');
    const { done } = outcome;
    line(io.stdout, done.length === 0 ? 'nothing to change' : `applied: ${done.map(counted).join(', ')}`);
  }
}
