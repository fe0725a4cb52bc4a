import { Injectable } from '@nestjs/common';
import { TransactionEvent } from '#libs/platform/database/index';

/** Ids of what agents do by themselves and of what decides about it: added, changed or removed. */
export interface StandingWork {
  /** Labels whose query, platform or kind of membership has changed. */
  readonly labels?: readonly number[];
  /** Packs, their queries or their targets. */
  readonly packs?: readonly number[];
  /** Saved queries; packs that schedule them are concerned too. */
  readonly queries?: readonly number[];
  readonly policies?: readonly number[];
  /** Teams whose agent options have changed, or that are about to be deleted with all that is theirs. */
  readonly teams?: readonly number[];
}

/** What agents do by themselves changes, within this transaction; what is done about it belongs behind the commit. */
@Injectable()
export class StandingWorkChanges extends TransactionEvent<[work: StandingWork]> {}
