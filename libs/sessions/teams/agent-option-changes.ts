import { Injectable } from '@nestjs/common';
import { TransactionEvent } from '#libs/platform/database/index';

/** The agent options of these teams are being changed. */
@Injectable()
export class AgentOptionChanges extends TransactionEvent<[teamIds: readonly number[]]> {}
