import { randomUUID } from 'node:crypto';
import { type RouteCase } from './routes.js';
import { type AuthWorld, type Place } from './world.js';

const fleet = (path: string): string => `/api/v1/fleet${path}`;
const SQL = 'SELECT 1';
const at =
  (path: string, body?: unknown): RouteCase['sample'] =>
  () => ({ path: fleet(path), body });
const one = (path: string, body?: unknown): readonly RouteCase[] => [
  { about: 'one', sample: at(path, body) },
];

async function teamName(world: AuthWorld, place: Place): Promise<string> {
  const team = world.teams[place];
  if (team === null) return '';
  const [{ name }] = await world.sql('SELECT name FROM teams WHERE id = $1', [team]);
  return name as string;
}

async function newPolicy(world: AuthWorld, place: Place): Promise<number> {
  const team = world.teams[place];
  const [{ id }] = await world.sql(
    'INSERT INTO policies (scope, team_id, name, query) VALUES ($1, $2, $3, $4) RETURNING id',
    [team === null ? 'global' : 'team', team, randomUUID(), SQL],
  );
  return id as number;
}

async function newPack(world: AuthWorld): Promise<{ id: number; name: string }> {
  const name = randomUUID();
  const [{ id }] = await world.sql('INSERT INTO packs (name) VALUES ($1) RETURNING id', [name]);
  return { id: id as number, name };
}

const pack = (path: (pack: { id: number; name: string }) => string): readonly RouteCase[] => [
  { about: 'one', sample: async (world) => ({ path: fleet(path(await newPack(world))) }) },
];

/** The policies of all hosts, under one of their two paths. */
const globalPolicies = (path: string): Readonly<Record<string, readonly RouteCase[]>> => {
  const about = (sample: (id: number) => { path: string; body?: unknown }): readonly RouteCase[] => [
    {
      about: 'object',
      sample: async (world, place) => (place === 'none' ? sample(await newPolicy(world, 'none')) : null),
    },
  ];
  const only = (sample: () => { path: string; body?: unknown }): readonly RouteCase[] => [
    { about: 'object', sample: (_world, place) => (place === 'none' ? sample() : null) },
  ];
  return {
    [`GET ${fleet(path)}`]: only(() => ({ path: fleet(path) })),
    [`POST ${fleet(path)}`]: only(() => ({ path: fleet(path), body: { name: randomUUID(), query: SQL } })),
    [`GET ${fleet(path)}/{id}`]: about((id) => ({ path: fleet(`${path}/${id}`) })),
    [`PATCH ${fleet(path)}/{id}`]: about((id) => ({
      path: fleet(`${path}/${id}`),
      body: { resolution: 'x' },
    })),
    [`POST ${fleet(path)}/delete`]: about((id) => ({ path: fleet(`${path}/delete`), body: { ids: [id] } })),
  };
};

/** The policies of a team, under one of their two paths. */
const teamPolicies = (prefix: string): Readonly<Record<string, readonly RouteCase[]>> => {
  const about = (suffix: (id: number) => string, body?: (id: number) => unknown): readonly RouteCase[] => [
    {
      about: 'object',
      sample: async (world, place) => {
        const team = world.teams[place];
        if (team === null) return null;
        const id = await newPolicy(world, place);
        return { path: fleet(`${prefix}/${team}/policies${suffix(id)}`), body: body?.(id) };
      },
    },
  ];
  const path = `${fleet(prefix)}/{id}/policies`;
  return {
    [`GET ${path}`]: about(() => ''),
    [`POST ${path}`]: about(
      () => '',
      () => ({ name: randomUUID(), query: SQL }),
    ),
    [`GET ${path}/{policy_id}`]: about((id) => `/${id}`),
    [`PATCH ${path}/{policy_id}`]: about(
      (id) => `/${id}`,
      () => ({ resolution: 'x' }),
    ),
    [`POST ${path}/delete`]: about(
      () => '/delete',
      (id) => ({ ids: [id] }),
    ),
  };
};

/** Specs, and the packs, policies and reports that they are about. */
export const SPEC_ROUTES: Readonly<Record<string, readonly RouteCase[]>> = {
  'GET /api/v1/fleet/spec/queries': [
    {
      about: 'object',
      sample: (_world, place) => (place === 'none' ? { path: fleet('/spec/queries') } : null),
    },
  ],
  'GET /api/v1/fleet/spec/queries/{name}': [
    {
      about: 'object',
      sample: async (world, place) => {
        const { name } = await world.newQuery(place);
        return { path: fleet(`/spec/queries/${name}?team_id=${world.teams[place] ?? 0}`) };
      },
    },
  ],
  'POST /api/v1/fleet/spec/queries': [
    {
      about: 'object',
      sample: async (world, place) => ({
        path: fleet('/spec/queries'),
        body: { specs: [{ name: randomUUID(), query: SQL, team: await teamName(world, place) }] },
      }),
    },
  ],
  'GET /api/v1/fleet/spec/packs': one('/spec/packs'),
  'GET /api/v1/fleet/spec/packs/{name}': pack(({ name }) => `/spec/packs/${name}`),
  'POST /api/v1/fleet/spec/packs': one('/spec/packs', { specs: [] }),
  'GET /api/v1/fleet/spec/labels': one('/spec/labels'),
  'GET /api/v1/fleet/spec/labels/{name}': one('/spec/labels/All%20Hosts'),
  'POST /api/v1/fleet/spec/labels': one('/spec/labels', { specs: [] }),
  'GET /api/v1/fleet/spec/enroll_secret': one('/spec/enroll_secret'),
  'POST /api/v1/fleet/spec/enroll_secret': [
    {
      about: 'one',
      sample: at('/spec/enroll_secret?dry_run=true', { spec: { secrets: [{ secret: 'only a rehearsal' }] } }),
    },
  ],
  'POST /api/v1/fleet/spec/teams': [
    {
      what: 'one that is there',
      about: 'object',
      sample: async (world, place) =>
        place === 'none'
          ? null
          : { path: fleet('/spec/teams'), body: { specs: [{ name: await teamName(world, place) }] } },
    },
    {
      what: 'a new one',
      act: 'team:create',
      about: 'one',
      sample: () => ({ path: fleet('/spec/teams'), body: { specs: [{ name: randomUUID() }] } }),
    },
  ],
  'POST /api/v1/fleet/spec/policies': [
    {
      about: 'object',
      sample: async (world, place) => ({
        path: fleet('/spec/policies'),
        body: { specs: [{ name: randomUUID(), query: SQL, team: await teamName(world, place) }] },
      }),
    },
  ],
  'POST /api/v1/fleet/spec/diff': [
    { what: 'of nothing', about: 'one', sample: at('/spec/diff', {}) },
    {
      what: 'of queries',
      act: 'query:write',
      about: 'object',
      sample: async (world, place) => ({
        path: fleet('/spec/diff'),
        body: { queries: [{ name: randomUUID(), query: SQL, team: await teamName(world, place) }] },
      }),
    },
    {
      what: 'of packs',
      act: 'pack:write',
      about: 'one',
      sample: at('/spec/diff', { packs: [{ name: 'rehearsed' }] }),
    },
    {
      what: 'of enroll secrets',
      act: 'enroll_secret:write',
      about: 'one',
      sample: at('/spec/diff', { enroll_secret: { secrets: [] } }),
    },
  ],

  'GET /api/v1/fleet/packs': one('/packs'),
  'GET /api/v1/fleet/packs/{id}': pack(({ id }) => `/packs/${id}`),
  'DELETE /api/v1/fleet/packs/id/{id}': pack(({ id }) => `/packs/id/${id}`),
  'DELETE /api/v1/fleet/packs/{name}': pack(({ name }) => `/packs/${name}`),

  ...globalPolicies('/policies'),
  ...globalPolicies('/global/policies'),
  ...teamPolicies('/teams'),
  ...teamPolicies('/team'),

  'GET /api/v1/fleet/queries/{id}/report': [
    {
      about: 'object',
      sample: async (world, place) => ({
        path: fleet(`/queries/${(await world.newQuery(place)).id}/report`),
      }),
    },
  ],
  'GET /api/v1/fleet/hosts/{id}/queries/{query_id}': [
    {
      about: 'object',
      sample: async (world, place) => ({
        path: fleet(`/hosts/${world.hosts[place]}/queries/${(await world.newQuery('none')).id}`),
      }),
    },
  ],
};
