import { Inject, Injectable, Logger } from '@nestjs/common';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { DomainError, type FieldProblem } from '#libs/platform/errors/index';
import { sqlProblems } from '#libs/queries/index';

/** SQL in a spec. */
export interface SpecSql {
  /** `specs[2].query`. */
  readonly field: string;
  readonly kind: string;
  readonly name: string;
  readonly sql: string;
}

/** Whether SQLite can read the SQL of specs: what it cannot would fail on every host, and nobody would know why. */
@Injectable()
export class SpecSqlCheck {
  private readonly logger = new Logger(SpecSqlCheck.name);

  constructor(@Inject(SETTINGS) private readonly settings: Pick<Settings, 'specSqlCheck'>) {}

  /** @throws DomainError malformed, naming each spec */
  async check(statements: readonly SpecSql[]): Promise<void> {
    const { specSqlCheck } = this.settings;
    if (specSqlCheck === 'off') return;
    const found = await sqlProblems(statements.map(({ sql }) => sql));
    const problems = statements.flatMap(({ field, kind, name }, index): FieldProblem[] => {
      const problem = found[index] ?? null;
      return problem === null ? [] : [{ name: field, reason: `${kind} "${name}": ${problem}` }];
    });
    if (problems.length === 0) return;
    if (specSqlCheck === 'refuse') throw new DomainError('malformed', problems);
    this.logger.warn('specs with SQL that SQLite cannot read', { problems });
  }
}
