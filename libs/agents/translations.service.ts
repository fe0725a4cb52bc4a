import { Injectable } from '@nestjs/common';
import { type Act, type Caller, may, require } from '#libs/platform/auth/index';
import { Database } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { HostsService } from './hosts.service.js';
import { LabelsRepository } from './labels/labels.repository.js';

const SQL = {
  team: {
    name: 'translate_team',
    text: 'SELECT id, ARRAY[id] AS "teamIds" FROM teams WHERE lower(name) = lower($1)',
  },
  user: {
    name: 'translate_user',
    text: `SELECT id, ARRAY(SELECT team_id FROM team_roles WHERE user_id = users.id) AS "teamIds" FROM users WHERE email = lower($1)`,
  },
};

/** Fleet's number for it. */
const UNKNOWN_TYPE = 3;

interface Found {
  readonly id: number;
  /** The teams whose members may know of it. */
  readonly teamIds: readonly number[];
}

/** Names into ids, for clients that know names only. */
@Injectable()
export class TranslationsService {
  constructor(
    private readonly database: Database,
    private readonly hosts: HostsService,
    private readonly labels: LabelsRepository,
  ) {}

  /**
   * @param type host, team, user or label
   * @throws DomainError not_found, conflict (an ambiguous host), forbidden, role_refused (an unknown type)
   */
  async idOf(caller: Caller, type: string, identifier: string): Promise<number> {
    switch (type) {
      case 'host':
        return (await this.hosts.identify(identifier, caller)).id;
      case 'team': {
        const [team] = await this.database.query<Found>(SQL.team, [identifier]);
        return known(caller, 'team:read', 'Team', identifier, team);
      }
      case 'user': {
        const [user] = await this.database.query<Found>(SQL.user, [identifier]);
        if (user?.id === caller.userId) return user.id;
        return known(caller, 'user:manage', 'User', identifier, user);
      }
      case 'label': {
        require(caller, 'label:read', null);
        const id = await this.labels.idOf(identifier);
        if (id === null) throw notFound('Label', identifier);
        return id;
      }
      default:
        throw new DomainError('role_refused', `Type ${type} is unknown.`, { number: UNKNOWN_TYPE });
    }
  }
}

function known(caller: Caller, act: Act, kind: string, name: string, found: Found | undefined): number {
  if (!found?.teamIds.some((teamId) => may(caller, act, teamId))) require(caller, act, null);
  if (!found) throw notFound(kind, name);
  return found.id;
}
