import { type RouteCase } from './routes.js';
import { type AuthWorld, type Place } from './world.js';

const fleet = (path: string): string => `/api/v1/fleet${path}`;
const nearHost = (world: AuthWorld): object => ({ hosts: [world.hosts.near] });

/** Of a saved query of a team; those of no team are everybody's who has the role anywhere. */
const saved = (
  observersMay: boolean,
  path: (id: number) => string,
  body: (world: AuthWorld, id: number) => object,
): RouteCase => ({
  what: observersMay ? 'a query that observers may run' : 'a saved query',
  act: observersMay ? 'live_query:run' : 'live_query:run_saved',
  about: 'object',
  sample: async (world: AuthWorld, place: Place) => {
    if (place === 'none') return null;
    const { id } = await world.newQuery(place, observersMay);
    return { path: path(id), body: body(world, id) };
  },
});

const run = (name: string, selected: (world: AuthWorld) => object): RouteCase[] => {
  const path = fleet(`/queries/${name}`);
  const runSaved = (world: AuthWorld, query_id: number): object => ({ query_id, selected: selected(world) });
  return [
    {
      what: 'new SQL',
      act: 'live_query:run_new',
      about: 'list',
      sample: (world) => ({ path, body: { query: 'SELECT 1', selected: selected(world) } }),
    },
    saved(false, () => path, runSaved),
    saved(true, () => path, runSaved),
  ];
};

const campaign = (suffix = '', body?: unknown): RouteCase[] => [
  {
    what: 'own',
    act: 'live_query:run',
    about: 'list',
    sample: async (world, _, who) => ({
      path: `/api/v1/campaigns/${await world.newCampaign(who.userId)}${suffix}`,
      body,
    }),
  },
  {
    what: "another's",
    act: 'live_query:manage',
    about: 'one',
    sample: async (world) => ({ path: `/api/v1/campaigns/${await world.newCampaign(0)}${suffix}`, body }),
  },
];

const named = (world: AuthWorld): object => ({ hosts: [String(world.hosts.near)] });
const hostIds = (world: AuthWorld): object => ({ host_ids: [world.hosts.near] });

/** Live queries, and what is known of them afterwards. */
export const LIVE_QUERY_ROUTES: Readonly<Record<string, readonly RouteCase[]>> = {
  'GET /api/v1/fleet/status/live_query': [
    { about: 'one', sample: () => ({ path: fleet('/status/live_query') }) },
  ],
  'GET /api/v1/fleet/status/result_store': [
    { about: 'one', sample: () => ({ path: fleet('/status/result_store') }) },
  ],
  'POST /api/v1/fleet/queries/run': run('run', nearHost),
  'POST /api/v1/fleet/queries/run_by_names': run('run_by_names', named),
  'POST /api/v1/fleet/queries/run_by_identifiers': run('run_by_identifiers', named),
  'POST /api/v1/fleet/queries/{id}/run': [
    saved(false, (id) => fleet(`/queries/${id}/run`), hostIds),
    saved(true, (id) => fleet(`/queries/${id}/run`), hostIds),
  ],
  // A host that may not be asked is answered as one that does not exist.
  'POST /api/v1/fleet/hosts/{id}/query': [
    {
      about: 'list',
      sample: (world) => ({ path: fleet(`/hosts/${world.hosts.near}/query`), body: { query: 'SELECT 1' } }),
    },
  ],
  'POST /api/v1/fleet/hosts/identifier/{identifier}/query': [
    {
      about: 'list',
      sample: (world) => ({
        path: fleet(`/hosts/identifier/${world.hosts.near}/query`),
        body: { query: 'SELECT 1' },
      }),
    },
  ],
  'GET /api/v1/campaigns': [{ about: 'list', sample: () => ({ path: '/api/v1/campaigns' }) }],
  'GET /api/v1/campaigns/{id}': campaign(),
  'GET /api/v1/campaigns/{id}/hosts': campaign('/hosts'),
  'GET /api/v1/campaigns/{id}/results': campaign('/results'),
  'POST /api/v1/campaigns/{id}/cancel': campaign('/cancel', {}),
};
