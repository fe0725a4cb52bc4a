import { Injectable } from '@nestjs/common';
import { TransactionEvent } from '#libs/platform/database/index';

/** Hosts are being moved to another team, or to none. */
@Injectable()
export class HostMoves extends TransactionEvent<[hostIds: readonly number[]]> {}
