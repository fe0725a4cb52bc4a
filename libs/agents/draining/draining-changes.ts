import { Injectable } from '@nestjs/common';
import { TransactionEvent } from '#libs/platform/database/index';

/** A host is to be given nothing new from this commit on, or is given work again. */
@Injectable()
export class DrainingChanges extends TransactionEvent<[hostId: number, draining: boolean]> {}
