import { Injectable, type OnModuleInit } from '@nestjs/common';
import { agentLabel } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { TokenScopes } from '#libs/sessions/index';
import { LabelsRepository } from '../labels/labels.repository.js';

/** Refuses API tokens that are to be limited to labels of the server's that do not exist: a slip would be a token for nothing. */
@Injectable()
export class TokenLabelsService implements OnModuleInit {
  constructor(
    private readonly scopes: TokenScopes,
    private readonly labels: LabelsRepository,
  ) {}

  onModuleInit(): void {
    this.scopes.listen((_tx, labels) => this.check(labels.filter((label) => agentLabel(label) === null)));
  }

  private async check(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const known = new Set((await this.labels.named(names)).map(({ name }) => name));
    const unknown = names.filter((name) => !known.has(name));
    if (unknown.length === 0) return;
    const reason = `there is no label ${unknown.map((name) => JSON.stringify(name)).join(', ')}; agents' own labels are written key:value`;
    throw new DomainError('invalid', { name: 'scope.labels', reason });
  }
}
