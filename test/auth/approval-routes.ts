import { randomUUID } from 'node:crypto';
import { type RouteCase } from './routes.js';
import { type Place, PLACES } from './world.js';

const POLICIES = '/api/v1/approval-policies';

const body = (): object => ({ name: randomUUID(), reviewers: ['admin'], enabled: false });
const policy = (withBody: boolean, of: readonly Place[], hidden: boolean): RouteCase => ({
  what: of.includes('none') ? 'of no team' : 'of a team',
  about: 'object',
  ...(hidden && { hidden: true as const }),
  sample: async (world, place) =>
    of.includes(place)
      ? {
          path: `${POLICIES}/${await world.newApprovalPolicy(place)}`,
          body: withBody ? body() : undefined,
        }
      : null,
});
/** Those of no team are there for everybody who can look at policies at all: writing them is refused, not hidden. */
const write = (withBody: boolean): RouteCase[] => [
  policy(withBody, ['near', 'far'], true),
  policy(withBody, ['none'], false),
];
/** Somebody's whose reviewer the caller is. */
const review = (path: (id: string, execution: string) => string, decision?: object): RouteCase => ({
  what: 'among the reviewers',
  about: 'list',
  sample: async (world, _, who) => {
    const { id, execution } = await world.waitingReview(who.userId);
    return { path: path(id, execution), body: decision };
  },
});

/** What waits for approval, and what has to be approved. */
export const APPROVAL_ROUTES: Readonly<Record<string, readonly RouteCase[]>> = {
  'GET /api/v1/approval-policies': [{ about: 'list', sample: () => ({ path: POLICIES }) }],
  'POST /api/v1/approval-policies': [
    {
      about: 'object',
      sample: (world, place) => ({ path: POLICIES, body: { ...body(), team_id: world.teams[place] } }),
    },
  ],
  'GET /api/v1/approval-policies/{policy_id}': [policy(false, PLACES, true)],
  'PUT /api/v1/approval-policies/{policy_id}': write(true),
  'DELETE /api/v1/approval-policies/{policy_id}': write(false),

  'GET /api/reviews': [{ about: 'list', sample: () => ({ path: '/api/reviews' }) }],
  'GET /api/reviews/{review_id}': [review((id) => `/api/reviews/${id}`)],
  'GET /api/reviews/{review_id}/statement': [review((id) => `/api/reviews/${id}/statement`)],
  'PUT /api/reviews/{review_id}': [review((id) => `/api/reviews/${id}`, { status: 'REJECTED' })],
  'PUT /api/sessions/{session_id}/review': [
    review((_, execution) => `/api/sessions/${execution}/review`, { status: 'APPROVED' }),
  ],
};
