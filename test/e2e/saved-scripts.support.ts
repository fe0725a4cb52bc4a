import { api, type Answer, type Api, type ServerFixture } from '#libs/testing/index';
import { raw, sql } from './support.js';

export const SCRIPTS = '/api/v1/fleet/scripts';

/** A new team; its id. */
export async function addTeam(server: ServerFixture, name: string): Promise<number> {
  const [team] = await sql(server, 'INSERT INTO teams (name) VALUES ($1) RETURNING id', [name]);
  return team.id as number;
}

/** Another account with the admin's password and these roles on teams. */
export async function addTeamUser(
  server: ServerFixture,
  email: string,
  roles: Record<number, string>,
): Promise<Api> {
  const [user] = await sql(
    server,
    `INSERT INTO users (name, email, password_hash) SELECT 'Somebody', $1, password_hash FROM users WHERE email = $2 RETURNING id`,
    [email, server.admin.email],
  );
  for (const [team, role] of Object.entries(roles))
    await sql(server, 'INSERT INTO team_roles (user_id, team_id, role) VALUES ($1, $2, $3)', [
      user.id,
      team,
      role,
    ]);
  return api(server).login({ email, password: server.admin.password });
}

/** The form of an upload, as browsers make it. */
export function form(name: string, contents: string | Buffer, fields: Record<string, string> = {}): FormData {
  const made = new FormData();
  for (const [field, value] of Object.entries(fields)) made.append(field, value);
  made.append('script', new Blob([Uint8Array.from(Buffer.from(contents))]), name);
  return made;
}

export function upload(
  client: Api,
  name: string,
  contents: string | Buffer,
  fields: Record<string, string> = {},
): Promise<Answer> {
  return client.post(SCRIPTS, form(name, contents, fields));
}

/** Uploads what is fine; its id. */
export async function add(
  client: Api,
  name: string,
  contents: string | Buffer = 'true\n',
  fields: Record<string, string> = {},
): Promise<number> {
  const { status, body } = await upload(client, name, contents, fields);
  if (status !== 200) throw new Error(`${name} answered ${status}: ${JSON.stringify(body)}`);
  return body.script_id as number;
}

export async function download(client: Api, id: number): Promise<string> {
  return (await client.get(`${SCRIPTS}/${id}?alt=media`)).body as string;
}

/** A part of a form as it stands on the wire. */
export function part(disposition: string, body: string | Buffer, ...headers: string[]): Buffer {
  const head = [`Content-Disposition: form-data; ${disposition}`, ...headers].join('\r\n');
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`), Buffer.from(body), Buffer.from('\r\n')]);
}

export function multipart(boundary: string, ...parts: Buffer[]): Buffer {
  const opened = parts.flatMap((one) => [Buffer.from(`--${boundary}\r\n`), one]);
  return Buffer.concat([...opened, Buffer.from(`--${boundary}--\r\n`)]);
}

/** A body that nobody's library made. */
export function send(
  server: ServerFixture,
  client: Api,
  body: Buffer | string,
  type: string | null,
  { method = 'POST', path = SCRIPTS } = {},
): Promise<Answer> {
  const headers = {
    authorization: `Bearer ${client.bearer}`,
    ...(type === null ? {} : { 'content-type': type }),
    'content-length': String(Buffer.byteLength(body)),
  };
  return raw(server, method, path, { headers, body });
}

/** What the record says of these acts, the oldest first. */
export async function recorded(
  server: ServerFixture,
  act: string,
): Promise<{ email: string; outcome: string; details: Record<string, unknown> }[]> {
  return sql(server, 'SELECT email, outcome, details FROM audit WHERE act = $1 ORDER BY id', [act]);
}
