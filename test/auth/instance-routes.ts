import { randomUUID } from 'node:crypto';
import { type RouteCase } from './routes.js';

const fleet = (path: string): string => `/api/v1/fleet${path}`;
const ofScript = (suffix = '', body?: unknown): RouteCase => ({
  about: 'object',
  sample: async (world, place) => {
    const { id } = await world.newInstance(place);
    return { path: fleet(`/scripts/${id}/instances${suffix}`), body };
  },
});
const ofHost = (suffix: string, body?: unknown): RouteCase => ({
  about: 'object',
  sample: (world, place) => ({ path: fleet(`/hosts/${world.hosts[place]}${suffix}`), body }),
});
/** A method on one host: what the caller may not read is not there. */
const onHost = (method: string, more: object): RouteCase => ({
  about: 'object',
  hidden: true,
  sample: (world, place) => ({
    path: `/api/rpc/${method}`,
    body: { ...more, host: String(world.hosts[place]) },
  }),
});
const named = { script_name: randomUUID(), instance_name: 'manual' };

/** Script instances, their history, and the facts that their triggers are about. */
export const INSTANCE_ROUTES: Readonly<Record<string, readonly RouteCase[]>> = {
  'GET /api/v1/fleet/scripts/{id}/instances': [ofScript()],
  'GET /api/v1/fleet/scripts/{id}/instances/{name}': [ofScript('/manual')],
  'PUT /api/v1/fleet/scripts/{id}/instances/{name}': [ofScript('/manual', { hosts: [] })],
  'DELETE /api/v1/fleet/scripts/{id}/instances/{name}': [ofScript('/manual')],
  'GET /api/v1/fleet/spec/script_instances': [
    {
      about: 'object',
      sample: (world, place) => ({
        path: fleet(`/spec/script_instances?team_id=${world.teams[place] ?? 0}`),
      }),
    },
  ],
  'GET /api/v1/fleet/spec/script_instances/{script}/{name}': [
    {
      about: 'object',
      sample: async (world, place) => {
        const { name } = await world.newInstance(place);
        return {
          path: fleet(`/spec/script_instances/${name}/manual?team_id=${world.teams[place] ?? 0}`),
        };
      },
    },
  ],
  'POST /api/v1/fleet/spec/script_instances': [
    {
      about: 'object',
      sample: async (world, place) => {
        const { name } = await world.newInstance(place);
        const id = world.teams[place];
        const [team] =
          id === null ? [{ name: '' }] : await world.sql('SELECT name FROM teams WHERE id = $1', [id]);
        return {
          path: fleet('/spec/script_instances'),
          body: { specs: [{ name: 'manual', script: name, team: team.name, hosts: [] }] },
        };
      },
    },
  ],
  'GET /api/v1/fleet/hosts/{id}/facts': [ofHost('/facts')],
  'POST /api/v1/fleet/hosts/{id}/trigger-check': [
    ofHost('/trigger-check', { stop_trigger: { type: 'xpath', setting: '/system' } }),
  ],
  'POST /api/rpc/script_overview_get': [
    { what: 'the fleet', about: 'list', sample: () => ({ path: '/api/rpc/script_overview_get' }) },
    { what: 'a host', ...onHost('script_overview_get', {}) },
  ],
  'POST /api/rpc/script_start': [onHost('script_start', named)],
  'POST /api/rpc/script_stop': [onHost('script_stop', named)],
  'POST /api/rpc/script_execution_get': [
    {
      what: 'the fleet',
      about: 'list',
      sample: () => ({ path: '/api/rpc/script_execution_get', body: { pagination: { limit: -1 } } }),
    },
    { what: 'a host', ...onHost('script_execution_get', { pagination: { limit: -1 } }) },
  ],
  'POST /api/rpc/script_execution_output_get': [
    {
      about: 'object',
      hidden: true,
      sample: async (world, place) => ({
        path: '/api/rpc/script_execution_output_get',
        body: { filter: { execution_id: await world.newInstanceRun(place) }, pagination: { limit: 1 } },
      }),
    },
  ],
};
