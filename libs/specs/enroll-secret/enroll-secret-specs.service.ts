import { Injectable } from '@nestjs/common';
import { EnrollSecrets, type GlobalSecret } from '#libs/agents/index';
import { type Caller, require } from '#libs/platform/auth/index';
import { takeTurns } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { checkSecrets, secretTaken } from '#libs/sessions/index';
import { type SpecCall, SpecCalls } from '../spec-calls.service.js';
import { type SpecChange } from '../spec-change.js';
import { type EnrollSecretSpec } from './enroll-secret-spec.js';

const MASK = '********';

/** The secrets with which hosts enroll into no team, as a spec. */
@Injectable()
export class EnrollSecretSpecsService {
  constructor(
    private readonly secrets: EnrollSecrets,
    private readonly calls: SpecCalls,
  ) {}

  /** Oldest first. @throws DomainError forbidden */
  async get(caller: Caller): Promise<GlobalSecret[]> {
    require(caller, 'enroll_secret:read', null);
    return this.secrets.all();
  }

  /**
   * These and no others from now on; hosts that have enrolled stay.
   * @throws DomainError forbidden; invalid (`secrets`); already_exists (one is a team's, or there twice; in a dry run invalid)
   */
  async apply(call: SpecCall, { secrets: given }: EnrollSecretSpec): Promise<SpecChange> {
    const { tx, caller, list, dryRun } = call;
    require(caller, 'enroll_secret:write', null);
    const field = `${list}.secrets`;
    await takeTurns(tx, 'enroll secrets');
    const before = (await this.secrets.all(tx)).map(({ secret }) => secret);
    try {
      const secrets = checkSecrets(given, field);
      if (!(await this.secrets.replace(tx, secrets))) throw secretTaken(field);
      const same = before.length === secrets.length && secrets.every((secret) => before.includes(secret));
      // How many, and nothing of what they are.
      const details = { global: true, secrets: secrets.length };
      if (!same) await this.calls.record(call, 'edited_enroll_secrets', 'changes', [details]);
      return {
        kind: 'enroll_secret',
        name: '',
        change: same ? 'unchanged' : 'changed',
        fields: same ? {} : { secrets: { old: before.map(() => MASK), new: secrets.map(() => MASK) } },
      };
    } catch (error) {
      if (dryRun && error instanceof DomainError && error.code === 'already_exists')
        throw new DomainError('invalid', error.problems);
      throw error;
    }
  }
}
