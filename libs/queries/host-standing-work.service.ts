import { Injectable, type OnModuleInit } from '@nestjs/common';
import {
  type DetailedHost,
  type HostDetailPartsDto,
  HostDetails,
  type HostPackDto,
  isForPlatform,
} from '#libs/agents/index';
import { Database } from '#libs/platform/database/index';

interface PolicyRow {
  readonly id: number;
  readonly name: string;
  readonly query: string;
  readonly description: string;
  readonly resolution: string;
  readonly platform: string;
  readonly critical: boolean;
  /** null: unknown. */
  readonly passes: boolean | null;
}

type PackRow = Omit<HostPackDto, 'type'> & { readonly platform: string };

const SQL = {
  policies: {
    name: 'host_policies',
    text: `SELECT p.id, p.name, p.query, p.description, p.resolution, p.platform, p.critical, r.passes
           FROM (SELECT id FROM policies WHERE scope = 'global'
                 UNION ALL SELECT id FROM policies WHERE scope = 'team' AND team_id = $2::int
                 UNION ALL SELECT id FROM policies WHERE scope = 'no_team' AND $2::int IS NULL) theirs
           JOIN policies p ON p.id = theirs.id
           LEFT JOIN policy_results r ON r.policy_id = p.id AND r.host_id = $1
           WHERE (NOT EXISTS (SELECT 1 FROM policy_labels l WHERE l.policy_id = p.id AND NOT l.exclude)
                  OR EXISTS (SELECT 1 FROM policy_labels l JOIN label_membership m ON m.label_id = l.label_id AND m.host_id = $1
                             WHERE l.policy_id = p.id AND NOT l.exclude))
             AND NOT EXISTS (SELECT 1 FROM policy_labels l JOIN label_membership m ON m.label_id = l.label_id AND m.host_id = $1
                             WHERE l.policy_id = p.id AND l.exclude)
           ORDER BY p.id`,
  },
  packs: {
    name: 'host_packs',
    text: `SELECT p.id, p.name, p.platform, coalesce((
             SELECT jsonb_agg(jsonb_build_object('scheduled_query_id', s.id, 'scheduled_query_name', s.name, 'query_name', q.name, 'pack_id', p.id,
               'pack_name', p.name, 'interval', s."interval",
               'last_executed', to_char(r.last_fetched AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) ORDER BY s.id)
             FROM pack_queries s JOIN queries q ON q.id = s.query_id
             LEFT JOIN query_results r ON r.query_id = q.id AND r.host_id = $1 WHERE s.pack_id = p.id
           ), '[]') AS query_stats
           FROM (SELECT t.pack_id FROM label_membership m JOIN pack_targets t ON t.label_id = m.label_id WHERE m.host_id = $1
                 UNION SELECT t.pack_id FROM pack_targets t WHERE t.team_id = $2::int) theirs
           JOIN packs p ON p.id = theirs.pack_id WHERE NOT p.disabled ORDER BY p.id`,
  },
};

/** Which packs and policies reach a host, and what it last said to them. */
@Injectable()
export class HostStandingWork implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly details: HostDetails,
  ) {}

  onModuleInit(): void {
    this.details.add((host) => this.of(host));
  }

  private async of({ id, teamId, platform }: DetailedHost): Promise<HostDetailPartsDto> {
    const [policies, packs] = await Promise.all([
      this.database.query<PolicyRow>(SQL.policies, [id, teamId]),
      this.database.query<PackRow>(SQL.packs, [id, teamId]),
    ]);
    return {
      policies: policies
        .filter((policy) => isForPlatform(policy.platform, platform))
        .map(({ passes, ...policy }) => ({
          ...policy,
          response: passes === null ? '' : passes ? 'pass' : 'fail',
        })),
      packs: packs
        .filter((pack) => isForPlatform(pack.platform, platform))
        .map(({ id: packId, name, query_stats }) => ({ id: packId, name, type: '', query_stats })),
    };
  }
}
