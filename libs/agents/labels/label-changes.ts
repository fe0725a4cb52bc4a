import { Injectable } from '@nestjs/common';
import { TransactionEvent } from '#libs/platform/database/index';

/**
 * Labels are being added or deleted, or what decides which hosts they ask (query, platform, kind of membership) is being changed.
 * This library asks no host anything; whoever does listens.
 */
@Injectable()
export class LabelChanges extends TransactionEvent<[labelIds: readonly number[]]> {}
