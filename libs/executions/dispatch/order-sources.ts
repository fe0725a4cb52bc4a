import { Injectable } from '@nestjs/common';
import { ContentsService } from '#libs/scripts/index';
import { ExecutionStatements } from '../statements/execution-statements.service.js';
import { OrderSecrets } from './order-secrets.js';

/** Where orders get from what their rows only name. */
@Injectable()
export class OrderSources {
  constructor(
    readonly contents: ContentsService,
    readonly secrets: OrderSecrets,
    readonly statements: ExecutionStatements,
  ) {}
}
