import { type Answer, api, type Api, startServer, type ServerFixture } from '#libs/testing/index';
import { sql } from '../e2e/support.js';

export const SPEC = '/api/v1/fleet/spec';

const TABLES = [
  'queries',
  'query_labels',
  'packs',
  'pack_queries',
  'pack_targets',
  'labels',
  'policies',
  'policy_labels',
  'teams',
  'enroll_secrets',
];

/** A server, its admin, and ways to apply specs. */
export interface SpecWorld {
  readonly server: ServerFixture;
  readonly admin: Api;
  post(kind: string, specs: unknown, query?: string): Promise<Answer>;
  /** All that specs write, as text. */
  everything(): Promise<string>;
  /** Nothing is left of what specs have made, but enroll secrets. */
  clear(): Promise<void>;
}

export async function startSpecWorld(): Promise<SpecWorld> {
  const server = await startServer();
  const admin = await api(server).login();
  const rows = TABLES.map(
    (table) => `SELECT '${table}' AS what, row_to_json(t)::text AS row FROM ${table} t`,
  );
  return {
    server,
    admin,
    post: (kind, specs, query = '') => admin.post(`${SPEC}/${kind}${query}`, { specs }),
    everything: async () => JSON.stringify(await sql(server, `${rows.join(' UNION ALL ')} ORDER BY 1, 2`)),
    clear: async () => {
      for (const table of ['packs', 'policies', 'queries', 'teams'])
        await sql(server, `DELETE FROM ${table}`);
      await sql(server, `DELETE FROM labels WHERE label_type = 'regular'`);
    },
  };
}
