import { Injectable } from '@nestjs/common';
import { TransactionEvent } from '#libs/platform/database/index';

/** A team is about to be deleted, and its row is locked: what belongs to it goes with it. */
@Injectable()
export class TeamRemovals extends TransactionEvent<[teamId: number]> {}
