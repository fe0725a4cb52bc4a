import { type Act } from '#libs/platform/auth/index';
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
  /** What the caller may not see looks as if it did not exist: 404 instead of 403. */
  readonly hidden?: true;
  readonly sample: (world: AuthWorld, place: Place, who: Who) => Promise<Sample> | Sample;
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
  sample: async (world, place) => ({ path: `/api/v1/executions/${await world.waitingRun(place)}${suffix}` }),
});
const runOn: RouteCase['sample'] = (world, place) => ({
  path: '',
  body: { host_id: world.hosts[place], script_contents: 'true' },
});

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
        path: `/api/v1/fleet/scripts/results/${await world.waitingRun(place)}`,
      }),
    },
  ],
};
