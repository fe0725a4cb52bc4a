import { randomUUID } from 'node:crypto';
import { type Act } from '#libs/platform/auth/index';
import { APPROVAL_ROUTES } from './approval-routes.js';
import { COMMAND_ROUTES } from './command-routes.js';
import { CONNECTION_ROUTES } from './connection-routes.js';
import { INSTANCE_ROUTES } from './instance-routes.js';
import { KEY_ROUTES } from './key-routes.js';
import { LIVE_QUERY_ROUTES } from './live-query-routes.js';
import { QUERY_ROUTES } from './query-routes.js';
import { SESSION_ROUTES } from './session-routes.js';
import { SPEC_ROUTES } from './spec-routes.js';
import { type AuthWorld, type Place, type Who } from './world.js';

/** A request that reaches the decision about rights; whether it then succeeds is not asked here. */
export interface Sample {
  readonly path: string;
  readonly body?: unknown;
  /** Another one than the caller's usual. */
  readonly token?: string;
}

/** One way to use a route, for the question who may. */
export interface RouteCase {
  readonly what?: string;
  /** The row of the table of rights that decides; the route's own row unless said otherwise. */
  readonly act?: Act;
  /**
   * `object`: something that belongs to a team or to none, one case per place; `list`: shows what the caller may see, so any
   * team will do; `one`: there is one for the whole installation.
   */
  readonly about: 'object' | 'list' | 'one';
  /** What the caller may not see looks as if it did not exist: 404, or the status given, instead of 403. */
  readonly hidden?: true | 400;
  /** null: there is no such object in this place. */
  readonly sample: (world: AuthWorld, place: Place, who: Who) => Promise<Sample | null> | Sample | null;
}

const at =
  (path: string, body?: unknown): RouteCase['sample'] =>
  () => ({ path, body });
const host = (suffix = ''): RouteCase => ({
  about: 'object',
  sample: (world, place) => ({ path: `/api/v1/fleet/hosts/${world.hosts[place]}${suffix}` }),
});
const execution = (suffix = ''): RouteCase => ({
  about: 'object',
  hidden: true,
  sample: async (world, place) => ({
    path: `/api/v1/executions/${(await world.waitingRun(place)).executionId}${suffix}`,
  }),
});
/** A host that nobody else uses, as osapi's agent. */
const agent = (suffix: string): RouteCase => ({
  about: 'object',
  hidden: true,
  sample: async (world, place) => ({ path: `/api/agent/${await world.newHost(place)}${suffix}` }),
});
const runOn: RouteCase['sample'] = (world, place) => ({
  path: '',
  body: { host_id: world.hosts[place], script_contents: 'true' },
});

const fleet = (path: string): string => `/api/v1/fleet${path}`;
/** Something in a team, asked for by the team's id in the path. */
const ofTeam = (suffix = '', body?: unknown): RouteCase => ({
  about: 'object',
  sample: (world, place) =>
    world.teams[place] === null ? null : { path: fleet(`/teams/${world.teams[place]}${suffix}`), body },
});
const savedScript = (body?: () => unknown): RouteCase => ({
  about: 'object',
  sample: async (world, place) => ({
    path: fleet(`/scripts/${(await world.newScript(place)).id}`),
    body: body?.(),
  }),
});
const inTeam = (world: AuthWorld, place: Place): string =>
  world.teams[place] === null ? '' : `?team_id=${world.teams[place]}`;
const upload = (team: number | null): FormData => {
  const form = new FormData();
  if (team !== null) form.set('team_id', String(team));
  form.set('script', new Blob(['echo hello']), `${randomUUID()}.sh`);
  return form;
};
const ownUser = (suffix = '', body?: unknown): RouteCase => ({
  what: 'own',
  act: 'self:use',
  about: 'one',
  // Of somebody who is not needed any more.
  sample: async (world) => {
    const { userId, token } = await world.newUser('near');
    return { path: fleet(`/users/${userId}${suffix}`), body, token };
  },
});
const otherUser = (suffix = '', body?: unknown): RouteCase => ({
  what: "another's",
  act: 'user:manage',
  about: 'object',
  sample: async (world, place) => ({
    path: fleet(`/users/${(await world.newUser(place)).userId}${suffix}`),
    body,
  }),
});
const othersSessions: RouteCase = {
  what: "another's",
  act: 'session:manage',
  about: 'one',
  sample: async (world) => ({ path: fleet(`/users/${(await world.newUser('near')).userId}/sessions`) }),
};

/** No token is asked for. */
export const PUBLIC = 'public';

/** Every route of the API, by method and path as in the OpenAPI document. One that is missing fails the suite. */
export const ROUTES: Readonly<Record<string, typeof PUBLIC | readonly RouteCase[]>> = {
  'POST /api/v1/agents/enroll': PUBLIC,
  'POST /api/v1/fleet/login': PUBLIC,
  'POST /api/v1/setup': PUBLIC,
  'GET /healthz': PUBLIC,
  'GET /metrics': PUBLIC,
  'GET /readyz': PUBLIC,
  'GET /version': PUBLIC,

  'POST /api/v1/targets/preview': [
    {
      what: 'a selector',
      about: 'list',
      sample: (world) => ({
        path: '/api/v1/targets/preview',
        body: { target: `id in (${world.hosts.near}), sample 5 %` },
      }),
    },
    {
      what: 'a host',
      about: 'object',
      hidden: true,
      sample: (world, place) => ({
        path: '/api/v1/targets/preview',
        body: { target: String(world.hosts[place]) },
      }),
    },
  ],
  'GET /api/v1/fleet/me': [{ about: 'one', sample: at('/api/v1/fleet/me') }],
  'GET /api/v1/fleet/version': [{ about: 'one', sample: at('/api/v1/fleet/version') }],
  'GET /api/v1/fleet/config': [{ about: 'one', sample: at('/api/v1/fleet/config') }],
  'POST /api/v1/fleet/logout': [
    {
      about: 'one',
      // Of a session that is not needed any more.
      sample: async (world, _place, who) => {
        const { token } = await world.newSession(who.userId);
        return { path: '/api/v1/fleet/logout', token };
      },
    },
  ],
  'GET /api/v1/fleet/sessions/{id}': [
    {
      what: 'own',
      about: 'one',
      sample: async (world, _place, who) => ({
        path: `/api/v1/fleet/sessions/${(await world.newSession(who.userId)).id}`,
      }),
    },
    {
      what: "another's",
      act: 'session:manage',
      about: 'one',
      sample: async (world) => ({
        path: `/api/v1/fleet/sessions/${(await world.newUser('near')).sessionId}`,
      }),
    },
  ],
  'DELETE /api/v1/fleet/sessions/{id}': [
    {
      what: 'own',
      about: 'one',
      sample: async (world, _place, who) => ({
        path: `/api/v1/fleet/sessions/${(await world.newSession(who.userId)).id}`,
      }),
    },
    {
      what: "another's",
      act: 'session:manage',
      about: 'one',
      sample: async (world) => ({
        path: `/api/v1/fleet/sessions/${(await world.newUser('near')).sessionId}`,
      }),
    },
  ],

  'GET /api/v1/fleet/hosts': [{ about: 'list', sample: at('/api/v1/fleet/hosts?per_page=1') }],
  'GET /api/v1/fleet/hosts/{id}': [host()],
  'GET /api/v1/fleet/hosts/identifier/{identifier}': [
    {
      about: 'object',
      sample: (world, place) => ({ path: `/api/v1/fleet/hosts/identifier/${world.hosts[place]}` }),
    },
  ],

  'GET /api/v1/executions': [{ about: 'list', sample: at('/api/v1/executions?limit=1') }],
  'GET /api/v1/executions/{uuid}': [execution()],
  'GET /api/v1/executions/{uuid}/output': [execution('/output')],
  'POST /api/v1/executions/{uuid}/cancel': [execution('/cancel')],
  'POST /api/v1/executions/{uuid}/resume': [
    {
      about: 'object',
      hidden: true,
      sample: async (world, place) => ({
        path: `/api/v1/executions/${await world.haltedRollout(place)}/resume`,
        body: {},
      }),
    },
  ],

  'POST /api/v1/fleet/scripts/run': [
    {
      about: 'object',
      sample: async (world, place, who) => ({
        ...(await runOn(world, place, who)),
        path: '/api/v1/fleet/scripts/run',
      }),
    },
  ],
  'POST /api/v1/fleet/scripts/run/sync': [
    {
      about: 'object',
      sample: async (world, place, who) => ({
        ...(await runOn(world, place, who)),
        path: '/api/v1/fleet/scripts/run/sync',
      }),
    },
  ],
  'GET /api/v1/fleet/scripts/results/{execution_id}': [
    {
      about: 'object',
      sample: async (world, place) => ({
        path: `/api/v1/fleet/scripts/results/${(await world.waitingRun(place)).executionId}`,
      }),
    },
  ],

  'GET /api/v1/fleet/hosts/count': [{ about: 'list', sample: at(fleet('/hosts/count')) }],
  'DELETE /api/v1/fleet/hosts/{id}': [
    {
      about: 'object',
      sample: async (world, place) => ({ path: fleet(`/hosts/${await world.newHost(place)}`) }),
    },
  ],
  'POST /api/v1/fleet/hosts/{id}/reenroll': [host('/reenroll')],
  'DELETE /api/v1/fleet/hosts/{id}/reenroll': [host('/reenroll')],
  'POST /api/v1/fleet/hosts/transfer': [
    {
      about: 'object',
      sample: async (world, place) => ({
        path: fleet('/hosts/transfer'),
        body: { team_id: world.teams.near, hosts: [await world.newHost(place)] },
      }),
    },
    {
      what: 'to another team',
      about: 'one',
      sample: async (world) => ({
        path: fleet('/hosts/transfer'),
        body: { team_id: world.teams.far, hosts: [await world.newHost('near')] },
      }),
    },
  ],
  'POST /api/v1/fleet/hosts/transfer/filter': [
    {
      // A filter matches only what the caller may see: nothing of another team's is moved.
      about: 'list',
      sample: async (world, place) => {
        const [{ hostname }] = await world.sql('SELECT hostname FROM hosts WHERE id = $1', [
          await world.newHost(place),
        ]);
        const filters = { query: hostname as string, team_id: world.teams[place] ?? 0 };
        return { path: fleet('/hosts/transfer/filter'), body: { team_id: world.teams.near, filters } };
      },
    },
  ],
  'POST /api/v1/fleet/translate': [{ about: 'list', sample: at(fleet('/translate'), { list: [] }) }],
  'GET /api/v1/fleet/hosts/{id}/scripts': [host('/scripts')],
  'GET /api/v1/fleet/hosts/{id}/activities': [host('/activities')],
  'GET /api/v1/fleet/hosts/{id}/activities/upcoming': [host('/activities/upcoming')],
  'DELETE /api/v1/fleet/hosts/{id}/activities/upcoming/{execution_id}': [
    {
      about: 'object',
      sample: async (world, place) => {
        const { hostId, executionId } = await world.waitingRun(place);
        return { path: fleet(`/hosts/${hostId}/activities/upcoming/${executionId}`) };
      },
    },
  ],
  'GET /api/v1/audit': [{ about: 'one', sample: at('/api/v1/audit?limit=1') }],
  'GET /api/v1/audit/head': [{ about: 'one', sample: at('/api/v1/audit/head') }],
  'GET /api/v1/audit/verify': [{ about: 'one', sample: at('/api/v1/audit/verify') }],
  'GET /api/v1/audit/export': [{ about: 'one', sample: at('/api/v1/audit/export') }],
  'GET /api/v1/fleet/activities': [{ about: 'one', sample: at(fleet('/activities?per_page=1')) }],

  'GET /api/v1/fleet/scripts': [
    { about: 'object', sample: (world, place) => ({ path: fleet(`/scripts${inTeam(world, place)}`) }) },
  ],
  'POST /api/v1/fleet/scripts': [
    {
      about: 'object',
      sample: (world, place) => ({ path: fleet('/scripts'), body: upload(world.teams[place]) }),
    },
  ],
  'POST /api/v1/fleet/scripts/batch': [
    {
      about: 'object',
      sample: (world, place) => ({
        path: fleet(`/scripts/batch${inTeam(world, place)}`),
        body: { scripts: [] },
      }),
    },
  ],
  'GET /api/v1/fleet/scripts/{id}': [savedScript()],
  'PATCH /api/v1/fleet/scripts/{id}': [savedScript(() => upload(null))],
  'DELETE /api/v1/fleet/scripts/{id}': [savedScript()],
  'POST /api/v1/fleet/scripts/run/batch': [
    {
      about: 'object',
      sample: async (world, place) => ({
        path: fleet('/scripts/run/batch'),
        body: { script_id: (await world.newScript(place)).id, host_ids: [world.hosts[place]] },
      }),
    },
  ],
  'GET /api/v1/fleet/scripts/batch/summary/{batch_execution_id}': [
    {
      about: 'object',
      sample: async (world, place) => ({
        path: fleet(`/scripts/batch/summary/${await world.waitingBatch(place)}`),
      }),
    },
  ],

  ...APPROVAL_ROUTES,
  ...COMMAND_ROUTES,
  ...INSTANCE_ROUTES,
  ...KEY_ROUTES,
  ...CONNECTION_ROUTES,
  ...SESSION_ROUTES,
  ...QUERY_ROUTES,
  ...LIVE_QUERY_ROUTES,
  ...SPEC_ROUTES,

  'GET /api/v1/fleet/teams': [{ about: 'list', sample: at(fleet('/teams')) }],
  'POST /api/v1/fleet/teams': [
    { about: 'one', sample: () => ({ path: fleet('/teams'), body: { name: randomUUID() } }) },
  ],
  'GET /api/v1/fleet/teams/{id}': [ofTeam()],
  'PATCH /api/v1/fleet/teams/{id}': [ofTeam('', { description: 'described' })],
  'DELETE /api/v1/fleet/teams/{id}': [
    { about: 'one', sample: async (world) => ({ path: fleet(`/teams/${await world.newTeam()}`) }) },
  ],
  'POST /api/v1/fleet/teams/{id}/agent_options': [ofTeam('/agent_options', {})],
  'GET /api/v1/fleet/teams/{id}/secrets': [ofTeam('/secrets')],
  'PATCH /api/v1/fleet/teams/{id}/secrets': [ofTeam('/secrets', { secrets: [] })],
  'GET /api/v1/fleet/teams/{id}/users': [ofTeam('/users')],
  'PATCH /api/v1/fleet/teams/{id}/users': [ofTeam('/users', { users: [] })],
  'DELETE /api/v1/fleet/teams/{id}/users': [ofTeam('/users', { users: [] })],

  'GET /api/v1/fleet/users': [
    { about: 'object', sample: (world, place) => ({ path: fleet(`/users${inTeam(world, place)}`) }) },
  ],
  'POST /api/v1/fleet/users/admin': [
    {
      about: 'object',
      sample: (world, place) => {
        const team = world.teams[place];
        const role =
          team === null ? { global_role: 'observer' } : { teams: [{ id: team, role: 'observer' }] };
        const email = `${randomUUID()}@example.com`;
        return {
          path: fleet('/users/admin'),
          body: { name: 'Somebody', email, password: 'a password 1!', api_only: true, ...role },
        };
      },
    },
  ],
  'POST /api/v1/fleet/users/roles/spec': [
    { about: 'one', sample: at(fleet('/users/roles/spec'), { spec: { roles: {} } }) },
  ],
  'GET /api/v1/fleet/users/{id}': [ownUser(), otherUser()],
  'PATCH /api/v1/fleet/users/{id}': [ownUser('', { name: 'Me' }), otherUser('', { name: 'You' })],
  'DELETE /api/v1/fleet/users/{id}': [otherUser()],
  'POST /api/v1/fleet/users/{id}/require_password_reset': [
    otherUser('/require_password_reset', { require: true }),
  ],
  'GET /api/v1/fleet/users/{id}/sessions': [ownUser('/sessions'), othersSessions],
  'DELETE /api/v1/fleet/users/{id}/sessions': [ownUser('/sessions'), othersSessions],
  'POST /api/v1/fleet/change_password': [{ about: 'one', sample: at(fleet('/change_password'), {}) }],
  'POST /api/v1/fleet/perform_required_password_reset': [
    { about: 'one', sample: at(fleet('/perform_required_password_reset'), {}) },
  ],
  'PATCH /api/v1/fleet/config': [{ about: 'one', sample: at(fleet('/config'), {}) }],

  'GET /api/agent': [{ about: 'list', sample: at('/api/agent?limit=1') }],
  'GET /api/agent/pending': [{ about: 'list', sample: at('/api/agent/pending') }],
  'GET /api/agent/{hostname}': [
    {
      about: 'object',
      hidden: true,
      sample: (world, place) => ({ path: `/api/agent/${world.hosts[place]}` }),
    },
  ],
  'POST /api/agent/{hostname}/drain': [agent('/drain')],
  'POST /api/agent/{hostname}/undrain': [agent('/undrain')],
  'GET /api/facts/keys': [{ about: 'list', sample: at('/api/facts/keys') }],

  'GET /api/v1/tokens': [{ about: 'one', sample: at('/api/v1/tokens') }],
  'POST /api/v1/tokens': [
    { about: 'one', sample: () => ({ path: '/api/v1/tokens', body: { name: randomUUID() } }) },
  ],
  'DELETE /api/v1/tokens/{id}': [
    {
      what: 'own',
      about: 'one',
      sample: async (world, _place, who) => ({
        path: `/api/v1/tokens/${await world.newApiToken(who.userId)}`,
      }),
    },
    {
      what: "another's",
      act: 'session:manage',
      about: 'one',
      sample: async (world) => {
        const { userId } = await world.newUser('near');
        return { path: `/api/v1/tokens/${await world.newApiToken(userId)}` };
      },
    },
  ],
};
