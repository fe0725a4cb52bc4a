import { createHash } from 'node:crypto';
import { api, type Api, type ServerFixture } from '#libs/testing/index';
import { sql } from './support.js';

/** A new team; its id. */
export async function addTeam(server: ServerFixture, name: string, options?: object): Promise<number> {
  const [row] = await sql(server, 'INSERT INTO teams (name, agent_options) VALUES ($1, $2) RETURNING id', [
    name,
    options === undefined ? null : JSON.stringify(options),
  ]);
  return row.id as number;
}

/** null: to no team. */
export async function moveHost(server: ServerFixture, hostId: number, teamId: number | null): Promise<void> {
  await sql(server, 'UPDATE hosts SET team_id = $2 WHERE id = $1', [hostId, teamId]);
}

/** An account with this role on this team, signed in with the admin's password. */
export async function addMember(server: ServerFixture, teamId: number, role: string): Promise<Api> {
  const email = `${role}@team-${teamId}.example.com`;
  await sql(
    server,
    `WITH u AS (INSERT INTO users (name, email, password_hash) SELECT 'Member', $1, password_hash FROM users WHERE email = $4 RETURNING id)
     INSERT INTO team_roles (user_id, team_id, role) SELECT u.id, $2, $3 FROM u`,
    [email, teamId, role, server.admin.email],
  );
  return api(server).login({ email, password: server.admin.password });
}

/** A saved script; its id. */
export async function saveScript(
  server: ServerFixture,
  name: string,
  contents: string,
  teamId: number | null = null,
): Promise<number> {
  const sha256 = createHash('sha256').update(contents).digest();
  const [row] = await sql(
    server,
    `WITH c AS (INSERT INTO contents (sha256, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING)
     INSERT INTO scripts (name, team_id, content_sha256) VALUES ($3, $4, $1) RETURNING id`,
    [sha256, Buffer.from(contents), name, teamId],
  );
  return row.id as number;
}
