import { Injectable } from '@nestjs/common';
import { TransactionEvent } from '#libs/platform/database/index';

/** A host's row has been deleted: what else belongs to it has to end. Nothing new can come to it once this commits. */
@Injectable()
export class HostRemovals extends TransactionEvent<[hostId: number, by: string]> {}
