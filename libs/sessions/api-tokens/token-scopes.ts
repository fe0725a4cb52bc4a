import { Injectable } from '@nestjs/common';
import { TransactionEvent } from '#libs/platform/database/index';

/** A token is to be limited to these labels: whoever keeps labels refuses those that make no sense (DomainError invalid, `scope.labels`). */
@Injectable()
export class TokenScopes extends TransactionEvent<[labels: readonly string[]]> {}
