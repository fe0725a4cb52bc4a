import { randomBytes, randomUUID } from 'node:crypto';
import { type RouteCase } from './routes.js';

const one: readonly RouteCase[] = [
  {
    what: 'own',
    about: 'one',
    sample: async (world, _place, who) => ({
      path: `/api/v1/keys/${await world.newOperatorKey(who.userId)}`,
    }),
  },
  {
    what: "another's",
    act: 'session:manage',
    about: 'one',
    hidden: true,
    sample: async (world) => {
      const { userId } = await world.newUser('near');
      return { path: `/api/v1/keys/${await world.newOperatorKey(userId)}` };
    },
  },
];

/** Keys with which people sign. */
export const KEY_ROUTES: Readonly<Record<string, readonly RouteCase[]>> = {
  'GET /api/v1/keys': [{ about: 'one', sample: () => ({ path: '/api/v1/keys' }) }],
  'POST /api/v1/keys': [
    {
      about: 'one',
      sample: () => ({
        path: '/api/v1/keys',
        body: { name: randomUUID(), public_key: randomBytes(32).toString('base64') },
      }),
    },
  ],
  'GET /api/v1/keys/{key_id}': one,
  'DELETE /api/v1/keys/{key_id}': one,
};
