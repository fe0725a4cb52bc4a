import { ScriptedServer } from './scripted-server.js';

const FLEET = '/api/v1/fleet';

interface Named {
  readonly name?: string;
  readonly team?: string;
}

const KIND_OF_LIST: Record<string, string> = {
  queries: 'query',
  labels: 'label',
  packs: 'pack',
  teams: 'team',
  policies: 'policy',
};

/** What a scripted server says about an object; by `kind name`. */
export type Changes = Record<string, { change: string; fields?: Record<string, unknown> }>;

/** A scripted server that compares specs as `changes` says, the others being unchanged, and takes whatever is applied. */
export async function startSpecServer(changes: Changes): Promise<ScriptedServer> {
  const server = await ScriptedServer.start();
  for (const kind of ['queries', 'labels', 'packs', 'teams', 'policies', 'enroll_secret'])
    server.on('POST', `${FLEET}/spec/${kind}`, () => ({}));
  return server
    .on('POST', `${FLEET}/spec/diff`, ({ body }) => ({
      changes: Object.entries({ ...body, enroll_secret: body['enroll_secret'] ? [{}] : [] }).flatMap(
        ([list, specs]) =>
          (specs as Named[]).map(({ name = '', team }) => {
            const kind = KIND_OF_LIST[list] ?? list;
            const known = changes[`${kind} ${name}`.trim()] ?? { change: 'unchanged' };
            return { kind, name, ...(team !== undefined && { team }), ...known };
          }),
      ),
    }))
    .on('PATCH', `${FLEET}/config`, () => ({}))
    .on('GET', `${FLEET}/config`, () => ({
      org_info: { org_name: 'Acme', org_logo_url: '', contact_url: '' },
      server_settings: { server_url: '', scripts_disabled: false, live_query_disabled: false, ai: true },
      license: { tier: 'premium' },
      logging: {},
    }))
    .on('POST', `${FLEET}/users/roles/spec`, () => ({}))
    .on('GET', `${FLEET}/users`, () => ({
      users: [
        { id: 1, email: 'ann@example.com', global_role: 'admin', teams: [] },
        {
          id: 2,
          email: 'bob@example.com',
          global_role: null,
          teams: [{ id: 3, name: 'Web', role: 'observer' }],
        },
        { id: 3, email: 'nobody@example.com', global_role: null, teams: [] },
      ],
    }));
}
