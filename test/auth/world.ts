import { createHash, randomBytes, randomUUID } from 'node:crypto';
import pg from 'pg';
import { type Role, ROLES } from '#libs/platform/auth/index';
import { Api, startServer, type ServerFixture } from '#libs/testing/index';

/** Where an object may belong: to the caller's team, to another one, to none. */
export const PLACES = ['near', 'far', 'none'] as const;
export type Place = (typeof PLACES)[number];

/** Somebody with one role, globally or on the team "near". */
export interface Who {
  readonly name: string;
  readonly role: Role;
  readonly global: boolean;
  readonly userId: number;
  readonly api: Api;
}

/** A server, users of every role, a host in every place, and the means to make more objects behind its back. */
export class AuthWorld {
  private constructor(
    readonly server: ServerFixture,
    private readonly database: pg.Client,
    readonly teams: Readonly<Record<Place, number | null>>,
    readonly hosts: Readonly<Record<Place, number>>,
    readonly callers: readonly Who[],
    readonly nobody: Api,
  ) {}

  static async start(): Promise<AuthWorld> {
    const server = await startServer();
    const database = new pg.Client({ connectionString: server.databaseUrl });
    // The fixture may drop the database before this suite closes its connection.
    database.on('error', () => undefined);
    await database.connect();
    const [near, far] = (
      await database.query("INSERT INTO teams (name) VALUES ('near'), ('far') RETURNING id")
    ).rows.map((row: { id: number }) => row.id) as [number, number];
    const teams = { near, far, none: null };
    const hosts = { near: 0, far: 0, none: 0 };
    for (const place of PLACES) hosts[place] = await insertHost(database, teams[place]);
    const callers: Who[] = [];
    for (const role of ROLES) {
      for (const global of [true, false]) {
        const name = `${global ? 'global' : 'team'} ${role}`;
        const { userId, token } = await insertUser(
          database,
          global ? role : null,
          global ? [] : [[near, role]],
        );
        callers.push({ name, role, global, userId, api: new Api({ url: server.url }, token) });
      }
    }
    return new AuthWorld(server, database, teams, hosts, callers, new Api({ url: server.url }));
  }

  async close(): Promise<void> {
    await this.database.end();
  }

  /** The rows of a statement, made or looked at behind the server's back. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- rows of every shape
  async sql(text: string, values: unknown[] = []): Promise<any[]> {
    return (await this.database.query(text, values)).rows;
  }

  /** A host that nobody else uses. */
  newHost(place: Place): Promise<number> {
    return insertHost(this.database, this.teams[place]);
  }

  /** A user with a role in that place (globally for `none`), and a session of theirs. */
  newUser(place: Place): Promise<{ userId: number; sessionId: number; token: string }> {
    const team = this.teams[place];
    return insertUser(
      this.database,
      team === null ? 'observer' : null,
      team === null ? [] : [[team, 'observer']],
    );
  }

  /** One more login session of a user. */
  newSession(userId: number): Promise<{ id: number; token: string }> {
    return insertSession(this.database, userId);
  }

  async newTeam(): Promise<number> {
    const [{ id }] = await this.sql('INSERT INTO teams (name) VALUES ($1) RETURNING id', [randomUUID()]);
    return id as number;
  }

  /** A saved script of that place. */
  async newScript(place: Place): Promise<{ id: number; name: string }> {
    const bytes = Buffer.from('echo saved');
    const sha256 = createHash('sha256').update(bytes).digest();
    await this.sql('INSERT INTO contents (sha256, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
      sha256,
      bytes,
    ]);
    const name = `${randomUUID()}.sh`;
    const [{ id }] = await this.sql(
      'INSERT INTO scripts (team_id, name, content_sha256) VALUES ($1, $2, $3) RETURNING id',
      [this.teams[place], name, sha256],
    );
    return { id: id as number, name };
  }

  /** A script instance of that place, called manual; its script. */
  async newInstance(place: Place): Promise<{ id: number; name: string }> {
    const { id, name } = await this.newScript(place);
    await this.sql(
      `INSERT INTO script_instances (script_id, name, start_trigger, stop_trigger) VALUES ($1, 'manual', '{"type": "manual"}', '{"type": "manual"}')`,
      [id],
    );
    return { id, name };
  }

  /** A run on a host of that place, as its integer id. */
  async newInstanceRun(place: Place): Promise<number> {
    const [{ id }] = await this.sql(
      `WITH made AS (
         INSERT INTO executions (uuid, kind, requested_by_email, content_sha256, options, timeout_seconds, grace_seconds, output_cap_bytes, lease_seconds)
         VALUES (gen_random_uuid(), 'instance', '', sha256('x'), '{"instance": {"id": 1, "name": "manual", "script_id": 1}}', 1, 1, 1024, 60) RETURNING id, uuid
       )
       INSERT INTO targets (uuid, execution_id, host_id, instance_id, lane, state, exit_code)
       SELECT uuid, id, $1, 1, 'triggered', 'finished', 0 FROM made RETURNING id`,
      [this.hosts[place]],
    );
    return Number(id);
  }

  /** A saved query of that place. */
  async newQuery(place: Place, observersMay = false): Promise<{ id: number; name: string }> {
    const name = randomUUID();
    const [{ id }] = await this.sql(
      `INSERT INTO queries (team_id, name, query, saved, observer_can_run) VALUES ($1, $2, 'SELECT 1', true, $3) RETURNING id`,
      [this.teams[place], name, observersMay],
    );
    return { id: id as number, name };
  }

  /** A connection of that place; its name. */
  async newConnection(place: Place): Promise<string> {
    const name = `connection-${randomUUID().slice(0, 8)}`;
    await this.sql(
      `INSERT INTO connections (id, name, type, subtype, agent, team_id) VALUES (gen_random_uuid(), $1, 'custom', 'bash', 'nowhere', $2)`,
      [name, this.teams[place]],
    );
    return name;
  }

  /** A guard rail of that place; its id. */
  async newGuardRail(place: Place): Promise<string> {
    const [{ id }] = await this.sql(
      `INSERT INTO guardrails (id, name, input, output, team_id) VALUES (gen_random_uuid(), $1, '{"rules": []}', '{"rules": []}', $2) RETURNING id`,
      [randomUUID(), this.teams[place]],
    );
    return id as string;
  }

  /** An approval policy of that place, not in force; its id. */
  async newApprovalPolicy(place: Place): Promise<string> {
    const [{ id }] = await this.sql(
      `INSERT INTO approval_policies (id, name, enabled, reviewers, team_id) VALUES (gen_random_uuid(), $1, false, '{admin}', $2) RETURNING id`,
      [randomUUID(), this.teams[place]],
    );
    return id as string;
  }

  /** Somebody's script that waits for the approval of this user. */
  async waitingReview(reviewer: number): Promise<{ id: string; execution: string }> {
    const { executionId } = await this.waitingRun('near');
    const [{ id }] = await this.sql(
      `WITH e AS (UPDATE executions SET requested_by = 0 WHERE uuid = $1 RETURNING id),
            t AS (UPDATE targets SET state = 'waiting_approval' FROM e WHERE execution_id = e.id)
       INSERT INTO reviews (id, execution_id, status, digest, requirements, reviewer_keys, host_count, ready, expires_at)
       SELECT gen_random_uuid(), e.id, 'PENDING', '', jsonb_build_array(jsonb_build_object('source', 'a test', 'reviewers', ARRAY[u.email],
         'min_approvals', 2, 'force', '{}'::text[])), ARRAY['user:' || u.email], 1, 'queue', now() + interval '1 hour'
       FROM e, users u WHERE u.id = $2 RETURNING id`,
      [executionId, reviewer],
    );
    return { id: id as string, execution: executionId };
  }

  /** A live query that is over. */
  async newCampaign(userId: number): Promise<number> {
    const [{ id }] = await this.sql(
      `INSERT INTO campaigns (query_id, sql, user_id, email, address, targets, open_seconds, host_seconds, host_rows, status, ended_at, end_reason)
       VALUES (1, 'SELECT 1', $1, 'somebody@example.com', '', $2, 1, 1, 1, 2, now(), 'answered') RETURNING id`,
      [userId, [this.hosts.near]],
    );
    return id as number;
  }

  /** A manual label. */
  async newLabel(): Promise<{ id: number; name: string }> {
    const name = randomUUID();
    const [{ id }] = await this.sql(
      `INSERT INTO labels (name, membership_type) VALUES ($1, 'manual') RETURNING id`,
      [name],
    );
    return { id: id as number, name };
  }

  /** A script that waits for a host of that place. */
  async waitingRun(place: Place): Promise<{ hostId: number; executionId: string }> {
    const hostId = await this.newHost(place);
    const { execution_id } = await this.asAdmin('/api/v1/fleet/scripts/run', {
      host_id: hostId,
      script_contents: 'echo later',
    });
    return { hostId, executionId: execution_id as string };
  }

  /** A command that waits for a host of that place. */
  async waitingJob(place: Place): Promise<string> {
    const path = `/node/${await this.newHost(place)}/command/exec`;
    const { job_id } = await this.asAdmin(path, { command: 'true', queue: true, wait: 0 });
    return job_id as string;
  }

  /** An exec session on a host of that place that was cancelled before it began. */
  async execSession(place: Place): Promise<string> {
    const name = `connection-${randomUUID().slice(0, 8)}`;
    await this.sql(
      `INSERT INTO connections (id, name, type, subtype, agent)
       SELECT gen_random_uuid(), $1, 'custom', 'bash', uuid::text FROM hosts WHERE id = $2`,
      [name, await this.newHost(place)],
    );
    const { session_id } = await this.asAdmin('/api/sessions?wait=0', { connection: name, script: 'true' });
    await this.sql(`UPDATE targets SET state = 'cancelled', finished_at = now() WHERE uuid = $1`, [
      session_id,
    ]);
    return session_id as string;
  }

  /** A batch that waits for a host of that place. */
  async waitingBatch(place: Place): Promise<string> {
    const { id } = await this.newScript(place);
    const body = { script_id: id, host_ids: [await this.newHost(place)] };
    const { batch_execution_id } = await this.asAdmin('/api/v1/fleet/scripts/run/batch', body);
    return batch_execution_id as string;
  }

  /** A batch on two hosts of that place, halted before it began: one of them cannot run it. */
  async haltedRollout(place: Place): Promise<string> {
    const { id } = await this.newScript(place);
    const hosts = [await this.newHost(place), await this.newHost(place)];
    await this.sql('UPDATE hosts SET scripts_enabled = false WHERE id = $1', [hosts[0]]);
    const body = { script_id: id, host_ids: hosts, max_failures: 0 };
    const { batch_execution_id } = await this.asAdmin('/api/v1/fleet/scripts/run/batch', body);
    return batch_execution_id as string;
  }

  /** The id of an API token of that user. */
  async newApiToken(userId: number): Promise<number> {
    const [{ id }] = await this.sql(
      'INSERT INTO api_tokens (user_id, name, token_hash) VALUES ($1, $2, $3) RETURNING id',
      [userId, randomUUID(), randomBytes(32)],
    );
    return id as number;
  }

  /** A key that somebody signs with. */
  async newOperatorKey(userId: number): Promise<string> {
    const [{ id }] = await this.sql(
      'INSERT INTO operator_keys (id, user_id, name, public_key) VALUES ($1, $2, $3, $4) RETURNING id',
      [randomBytes(8).toString('hex'), userId, randomUUID(), randomBytes(32)],
    );
    return id as string;
  }

  private async asAdmin(path: string, body: object): Promise<Record<string, unknown>> {
    const admin = this.callers.find((who) => who.global && who.role === 'admin');
    const answer = await admin?.api.post(path, body);
    if (answer === undefined || answer.status >= 300)
      throw new Error(`${path} answered ${answer?.status}: ${JSON.stringify(answer?.body)}`);
    return answer.body as Record<string, unknown>;
  }
}

async function insertHost(database: pg.Client, team: number | null): Promise<number> {
  const uuid = randomUUID();
  const { rows } = await database.query(
    `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash, team_id)
     VALUES ($1, $1, 'test', $2, $3, $4, $5) RETURNING id`,
    [
      uuid,
      `host-${uuid.slice(0, 8)}`,
      { hostname: 'x', platform: 'debian', os_version: 'Debian 12', arch: 'x86_64' },
      randomBytes(32),
      team,
    ],
  );
  return rows[0].id as number;
}

async function insertSession(database: pg.Client, userId: number): Promise<{ id: number; token: string }> {
  const token = randomBytes(64).toString('base64');
  const hash = createHash('sha256').update(token).digest();
  const { rows } = await database.query(
    'INSERT INTO sessions (user_id, token_hash) VALUES ($1, $2) RETURNING id',
    [userId, hash],
  );
  return { id: rows[0].id as number, token };
}

async function insertUser(
  database: pg.Client,
  globalRole: Role | null,
  teamRoles: [number, Role][],
): Promise<{ userId: number; sessionId: number; token: string }> {
  const { rows } = await database.query(
    `INSERT INTO users (name, email, password_hash, global_role) VALUES ('Somebody', $1, 'none', $2) RETURNING id`,
    [`${randomUUID()}@example.com`, globalRole],
  );
  const userId = rows[0].id as number;
  for (const [team, role] of teamRoles)
    await database.query('INSERT INTO team_roles (user_id, team_id, role) VALUES ($1, $2, $3)', [
      userId,
      team,
      role,
    ]);
  const { id, token } = await insertSession(database, userId);
  return { userId, sessionId: id, token };
}
