import { Inject, Injectable } from '@nestjs/common';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { Database } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { RUNNABLE_COLUMNS, type RunnableHost } from '#libs/agents/index';

const SQL = {
  scriptsDisabled: {
    name: 'scripts_disabled',
    text: 'SELECT scripts_disabled AS disabled FROM organization WHERE id = 1',
  },
  // There is no organization before the first user.
  ofHost: {
    name: 'script_run_policy',
    text: `SELECT coalesce(o.scripts_disabled, false) AS disabled, t.agent_options->'script_execution_timeout' AS "teamSeconds", ${RUNNABLE_COLUMNS}
           FROM (SELECT $1::int AS host_id) asked LEFT JOIN organization o ON o.id = 1 LEFT JOIN hosts h ON h.id = asked.host_id
             LEFT JOIN teams t ON t.id = h.team_id`,
  },
  teamTimeout: {
    name: 'team_script_timeout',
    text: `SELECT agent_options->'script_execution_timeout' AS seconds FROM teams WHERE id = $1`,
  },
};

const MAX_TEAM_SECONDS = 3_600;

type PolicyRow = { readonly disabled: boolean; readonly teamSeconds: unknown } & (
  RunnableHost | { readonly id: null }
);

export interface HostPolicy {
  /** null when there is none. */
  readonly host: RunnableHost | null;
  /** How long a script may run there when the request does not say. */
  readonly timeoutSeconds: number;
}

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
    if (organization?.disabled) throw switchedOff();
  }

  /**
   * What decides about a script on one host, in one statement.
   * @throws DomainError switched_off when nobody may run scripts
   */
  async forHost(id: number): Promise<HostPolicy> {
    const [row] = await this.database.query<PolicyRow>(SQL.ofHost, [id]);
    if (!row) throw new Error('a row of constants gave no row');
    const { disabled, teamSeconds, ...host } = row;
    if (disabled) throw switchedOff();
    return {
      host: isHost(host) ? host : null,
      timeoutSeconds: secondsOf(teamSeconds) ?? this.settings.scriptTimeoutSeconds,
    };
  }

  /** Seconds a script of this team may run: its agent options, else the setting. */
  async timeout(teamId: number | null): Promise<number> {
    if (teamId === null) return this.settings.scriptTimeoutSeconds;
    const [team] = await this.database.query<{ seconds: unknown }>(SQL.teamTimeout, [teamId]);
    return secondsOf(team?.seconds) ?? this.settings.scriptTimeoutSeconds;
  }
}

function switchedOff(): DomainError {
  return new DomainError('switched_off', 'Running scripts is disabled in organization settings.');
}

function isHost(host: PolicyRow | Omit<PolicyRow, 'disabled' | 'teamSeconds'>): host is RunnableHost {
  return host.id !== null;
}

/** Options are kept as given: what makes no sense is none. */
function secondsOf(option: unknown): number | null {
  const seconds = Number.isInteger(option) ? Number(option) : 0;
  return seconds >= 1 && seconds <= MAX_TEAM_SECONDS ? seconds : null;
}
