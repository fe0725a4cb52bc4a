import { randomUUID } from 'node:crypto';
import { type RouteCase } from './routes.js';

const fleet = (path: string): string => `/api/v1/fleet${path}`;
const teamQuery = (team: number | null): string => (team === null ? '' : `?team_id=${team}`);
const savedQuery = (prefix = '', body?: unknown): RouteCase => ({
  about: 'object',
  sample: async (world, place) => ({
    path: fleet(`/queries/${prefix}${(await world.newQuery(place)).id}`),
    body,
  }),
});
const label = (prefix = '', body?: unknown): RouteCase => ({
  about: 'one',
  sample: async (world) => ({ path: fleet(`/labels/${prefix}${(await world.newLabel()).id}`), body }),
});

/** Saved queries, and the labels that hosts are aimed at by. */
export const QUERY_ROUTES: Readonly<Record<string, readonly RouteCase[]>> = {
  'GET /api/v1/fleet/queries': [
    {
      about: 'object',
      sample: (world, place) => ({ path: fleet(`/queries${teamQuery(world.teams[place])}`) }),
    },
  ],
  'POST /api/v1/fleet/queries': [
    {
      about: 'object',
      sample: (world, place) => ({
        path: fleet('/queries'),
        body: { name: randomUUID(), query: 'SELECT 1', team_id: world.teams[place] },
      }),
    },
  ],
  'GET /api/v1/fleet/queries/{id}': [savedQuery()],
  'PATCH /api/v1/fleet/queries/{id}': [savedQuery('', { description: 'described' })],
  'DELETE /api/v1/fleet/queries/id/{id}': [savedQuery('id/')],
  'DELETE /api/v1/fleet/queries/{name}': [
    {
      about: 'object',
      sample: async (world, place) => ({
        path: fleet(`/queries/${(await world.newQuery(place)).name}${teamQuery(world.teams[place])}`),
      }),
    },
  ],
  'POST /api/v1/fleet/queries/delete': [
    {
      about: 'object',
      sample: async (world, place) => ({
        path: fleet('/queries/delete'),
        body: { ids: [(await world.newQuery(place)).id] },
      }),
    },
  ],

  'GET /api/v1/fleet/labels': [{ about: 'one', sample: () => ({ path: fleet('/labels') }) }],
  'GET /api/v1/fleet/labels/summary': [{ about: 'one', sample: () => ({ path: fleet('/labels/summary') }) }],
  'POST /api/v1/fleet/labels': [
    { about: 'one', sample: () => ({ path: fleet('/labels'), body: { name: randomUUID() } }) },
  ],
  'GET /api/v1/fleet/labels/{id}': [label()],
  'PATCH /api/v1/fleet/labels/{id}': [label('', { description: 'described' })],
  'DELETE /api/v1/fleet/labels/id/{id}': [label('id/')],
  'DELETE /api/v1/fleet/labels/{name}': [
    {
      about: 'one',
      sample: async (world) => ({ path: fleet(`/labels/${(await world.newLabel()).name}`) }),
    },
  ],
  'GET /api/v1/fleet/labels/{id}/hosts': [
    { about: 'list', sample: () => ({ path: fleet('/labels/1/hosts?per_page=1') }) },
  ],
};
