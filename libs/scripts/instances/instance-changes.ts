import { Injectable } from '@nestjs/common';
import { TransactionEvent } from '#libs/platform/database/index';

/** Script instances are being added, changed or removed: what agents are to have is something else after the commit. */
@Injectable()
export class InstanceChanges extends TransactionEvent<[instanceIds: readonly number[]]> {}
