import { Injectable } from '@nestjs/common';
import { TransactionEvent } from '#libs/platform/database/index';

/**
 * Saved scripts are being replaced or deleted, and their rows are locked: whoever has runs of them waiting ends those. This library
 * knows nothing of executions; they listen.
 */
@Injectable()
export class ScriptChanges extends TransactionEvent<[scriptIds: readonly number[]]> {}
