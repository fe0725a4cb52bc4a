import { Inject, Injectable } from '@nestjs/common';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { Database } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';

const SQL = {
  scriptsDisabled: {
    name: 'scripts_disabled',
    text: 'SELECT scripts_disabled AS disabled FROM organization WHERE id = 1',
  },
  teamTimeout: {
    name: 'team_script_timeout',
    text: `SELECT agent_options->'script_execution_timeout' AS seconds FROM teams WHERE id = $1`,
  },
};

const MAX_TEAM_SECONDS = 3_600;

/** What the organization and the team lay down for runs of scripts. */
@Injectable()
export class RunPolicy {
  constructor(
    private readonly database: Database,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'scriptTimeoutSeconds'>,
  ) {}

  /** @throws DomainError switched_off when nobody may run scripts */
  async checkEnabled(): Promise<void> {
    const [organization] = await this.database.query<{ disabled: boolean }>(SQL.scriptsDisabled);
    if (organization?.disabled)
      throw new DomainError('switched_off', 'Running scripts is disabled in organization settings.');
  }

  /** Seconds a script may run: what the request says, else the team's agent options, else the setting. */
  async timeout(asked: number | null | undefined, teamId: number | null): Promise<number> {
    if (asked !== null && asked !== undefined) return asked;
    if (teamId === null) return this.settings.scriptTimeoutSeconds;
    const [team] = await this.database.query<{ seconds: unknown }>(SQL.teamTimeout, [teamId]);
    // Options are kept as given: what makes no sense is none.
    const seconds = team?.seconds;
    return Number.isInteger(seconds) && Number(seconds) >= 1 && Number(seconds) <= MAX_TEAM_SECONDS
      ? Number(seconds)
      : this.settings.scriptTimeoutSeconds;
  }
}
