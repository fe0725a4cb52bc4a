import { randomUUID } from 'node:crypto';
import { type PUBLIC, type RouteCase } from './routes.js';

const session = (suffix = '', more: Partial<RouteCase> = {}, body?: unknown): RouteCase => ({
  about: 'object',
  hidden: true,
  sample: async (world, place) => ({
    path: `/api/sessions/${await world.execSession(place)}${suffix}`,
    body,
  }),
  ...more,
});
/** Whoever asked for it, and admins: who may change connections there. */
const admins: Partial<RouteCase> = { act: 'connection:write' };

/** Exec sessions through connections. */
export const SESSION_ROUTES: Readonly<Record<string, typeof PUBLIC | readonly RouteCase[]>> = {
  'POST /api/sessions': [
    {
      about: 'object',
      hidden: 400,
      sample: async (world, place) => ({
        path: '/api/sessions?wait=0',
        body: { connection: await world.newConnection(place), script: randomUUID() },
      }),
    },
  ],
  'POST /api/sessions/statement': [
    {
      about: 'object',
      hidden: 400,
      sample: async (world, place) => ({
        path: '/api/sessions/statement',
        body: { connection: await world.newConnection(place), script: randomUUID() },
      }),
    },
  ],
  'GET /api/sessions': [{ about: 'list', sample: () => ({ path: '/api/sessions?limit=1' }) }],
  'GET /api/sessions/{session_id}': [session()],
  'GET /api/sessions/{session_id}/result/stream': [session('/result/stream')],
  'GET /api/sessions/{session_id}/stream': [session('/stream')],
  'GET /api/sessions/{session_id}/download': 'public',
  'GET /api/sessions/{session_id}/download/input': 'public',
  'POST /api/sessions/{session_id}/kill': [session('/kill')],
  // Whoever asked for it, and global administrators.
  'POST /api/sessions/{session_id}/exec': [session('/exec', { act: 'session:manage' })],
  'PATCH /api/sessions/{session_id}/metadata': [session('/metadata', admins, { metadata: { a: 'b' } })],
};
