import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HostMoves } from '#libs/agents/index';

const SQL = {
  // By host: those that have stayed in their team keep all of it.
  policies: {
    name: 'moved_policy_results',
    text: `DELETE FROM policy_results r USING policies p, hosts h
           WHERE r.host_id = ANY($1::int[]) AND h.id = r.host_id AND p.id = r.policy_id
             AND (p.scope = 'team' AND p.team_id IS DISTINCT FROM h.team_id OR p.scope = 'no_team' AND h.team_id IS NOT NULL)`,
  },
  reports: {
    name: 'moved_query_results',
    text: `DELETE FROM query_results r USING queries q, hosts h
           WHERE r.host_id = ANY($1::int[]) AND h.id = r.host_id AND q.id = r.query_id
             AND q.team_id IS NOT NULL AND q.team_id IS DISTINCT FROM h.team_id`,
  },
};

/** What a host found for its team is not the team's any more when it has left. */
@Injectable()
export class MovedResults implements OnModuleInit {
  constructor(private readonly moves: HostMoves) {}

  onModuleInit(): void {
    this.moves.listen(async (tx, hostIds) => {
      await Promise.all([tx.query(SQL.policies, [hostIds]), tx.query(SQL.reports, [hostIds])]);
    });
  }
}
