import { type RouteCase } from './routes.js';

const run = (how: 'exec' | 'shell'): RouteCase => ({
  about: 'object',
  hidden: 400,
  sample: (world, place) => ({
    path: `/node/${world.hosts[place]}/command/${how}`,
    body: { command: 'true', wait: 0 },
  }),
});
const job = (suffix = ''): RouteCase => ({
  about: 'object',
  hidden: true,
  sample: async (world, place) => ({ path: `/api/job/${await world.waitingJob(place)}${suffix}` }),
});

/** Commands and their jobs. */
export const COMMAND_ROUTES: Readonly<Record<string, readonly RouteCase[]>> = {
  'POST /node/{target}/command/exec': [run('exec')],
  'POST /node/{target}/command/shell': [run('shell')],
  'GET /api/job': [{ about: 'list', sample: () => ({ path: '/api/job?limit=1' }) }],
  'GET /api/job/{uuid}': [job()],
  'DELETE /api/job/{uuid}': [job()],
  'POST /api/job/{uuid}/retry': [job('/retry')],
};
