import { Injectable } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller } from '#libs/platform/auth/index';
import { Database, type Transaction } from '#libs/platform/database/index';

/** One call that applies specs. */
export interface SpecCall {
  readonly tx: Transaction;
  readonly caller: Caller;
  /** What the list is called in the body: problems are named after it. */
  readonly list: string;
  readonly dryRun: boolean;
}

/** What the audit record keeps of the specs of one call. */
const MOST_RECORDED = 100;
const MOST_RECORDED_CHARACTERS = 64 * 1024;

/** Carries what a rehearsal has found out of the transaction that it takes back. */
class Rehearsed extends Error {
  constructor(readonly result: unknown) {
    super('rehearsed');
  }
}

/** All of a call happens in one transaction, or, in a dry run, nothing of it: then everything is done, and taken back. */
@Injectable()
export class SpecCalls {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
  ) {}

  async run<T>(
    caller: Caller,
    { dryRun, list = 'specs' }: { readonly dryRun: boolean; readonly list?: string },
    work: (call: SpecCall) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.database.transaction(async (tx) => {
        const result = await work({ tx, caller, list, dryRun });
        if (dryRun) throw new Rehearsed(result);
        return result;
      });
    } catch (error) {
      if (error instanceof Rehearsed) return error.result as T;
      throw error;
    }
  }

  /** @param what the name of the list in the record */
  async record({ tx, caller }: SpecCall, act: string, what: string, specs: readonly object[]): Promise<void> {
    if (specs.length === 0) return;
    const kept: object[] = [];
    let characters = 0;
    for (const spec of specs.slice(0, MOST_RECORDED)) {
      characters += JSON.stringify(spec).length;
      if (characters > MOST_RECORDED_CHARACTERS) break;
      kept.push(spec);
    }
    await this.audit.record(tx, doneBy(caller, act, { count: specs.length, [what]: kept }));
  }
}
