import { randomUUID } from 'node:crypto';
import { type RouteCase } from './routes.js';

const connection = (suffix = '', body?: unknown): RouteCase => ({
  about: 'object',
  hidden: true,
  sample: async (world, place) => ({
    path: `/api/connections/${await world.newConnection(place)}${suffix}`,
    body,
  }),
});
const guardRail = (suffix = '', body?: () => unknown): RouteCase => ({
  about: 'object',
  hidden: true,
  sample: async (world, place) => ({
    path: `/api/guardrails/${await world.newGuardRail(place)}${suffix}`,
    body: body?.(),
  }),
});
const list = (path: string): RouteCase => ({ about: 'list', sample: () => ({ path }) });
const create = (path: string, body: object): RouteCase => ({
  about: 'object',
  sample: (world, place) => ({
    path,
    body: { name: `new-${randomUUID().slice(0, 8)}`, ...body, team_id: world.teams[place] },
  }),
});
const recipe = { type: 'custom', subtype: 'bash', agent_id: 'nowhere' };

/** Connections, guard rails, and hosts as hoop's agents. */
export const CONNECTION_ROUTES: Readonly<Record<string, readonly RouteCase[]>> = {
  'GET /api/connections': [list('/api/connections')],
  'POST /api/connections': [create('/api/connections', recipe)],
  'GET /api/connections/{nameOrID}': [connection()],
  'PUT /api/connections/{nameOrID}': [connection('', recipe)],
  'PATCH /api/connections/{nameOrID}': [connection('', { timeout: 5 })],
  'DELETE /api/connections/{nameOrID}': [connection()],
  'GET /api/connections/{nameOrID}/test': [connection('/test')],
  'POST /api/connections/{nameOrID}/guardrails/test': [connection('/guardrails/test', { stdin: 'x' })],

  'GET /api/guardrails': [list('/api/guardrails')],
  'POST /api/guardrails': [create('/api/guardrails', {})],
  'GET /api/guardrails/{nameOrID}': [guardRail()],
  'PUT /api/guardrails/{nameOrID}': [guardRail('', () => ({ name: randomUUID().slice(0, 8) }))],
  'DELETE /api/guardrails/{nameOrID}': [guardRail()],
  'POST /api/guardrails/{nameOrID}/test': [guardRail('/test', () => ({ stdin: 'x' }))],

  'GET /api/agents': [list('/api/agents')],
  'GET /api/agents/{nameOrID}': [
    {
      about: 'object',
      hidden: true,
      sample: async (world, place) => {
        const [{ uuid }] = await world.sql('SELECT uuid FROM hosts WHERE id = $1', [world.hosts[place]]);
        return { path: `/api/agents/${uuid}` };
      },
    },
  ],
};
