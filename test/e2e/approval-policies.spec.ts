import { startWorld, expectProblem, type World } from './support.js';
import { addMember, addTeam } from './teams.js';
import { POLICIES } from './approvals.support.js';

/* What has to be approved: the policies. */

let world: World;
beforeAll(async () => {
  world = await startWorld();
});

let count = 0;
const policy = (more: object = {}): object => ({
  name: `policy ${(count += 1)}`,
  reviewers: ['admin'],
  ...more,
});

it('keeps a policy with everything in it, changes it, lists it by name and removes it', async () => {
  const { client } = world;
  const given = {
    name: 'two people for production',
    description: 'as the auditors want it',
    enabled: true,
    team_id: null,
    conditions: [
      { more_than_hosts: 50 },
      { labels: ['env:prod', 'Databases'], kinds: ['shell', 'script'], run_as_root: true },
    ],
    reviewers: ['admin', 'Security', 'bob@example.com', 'role:maintainer', 'team:admin', 'user:root'],
    min_approvals: 2,
    force_approve_groups: ['Security'],
    expires_in: 3600,
  };
  const made = await client.post(POLICIES, { ...given, unknown: 1 });
  expect([made.status, made.body]).toEqual([
    201,
    {
      ...given,
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      created_at: expect.stringMatching(/Z$/),
      updated_at: expect.stringMatching(/Z$/),
    },
  ]);
  const path = `${POLICIES}/${made.body.id}`;
  expect((await client.get(path)).body).toEqual(made.body);
  const replaced = await client.put(path, { name: ' another ', reviewers: ['admin', ' admin '] });
  expect([replaced.status, replaced.body]).toMatchObject([
    200,
    {
      id: made.body.id,
      name: 'another',
      description: '',
      enabled: true,
      conditions: [],
      reviewers: ['admin'],
      min_approvals: 1,
      force_approve_groups: [],
      expires_in: 86_400,
    },
  ]);
  await client.post(POLICIES, policy({ name: 'a first', enabled: false }));
  const names = ((await client.get(POLICIES)).body.approval_policies as { name: string }[]).map(
    (p) => p.name,
  );
  expect(names).toEqual(['a first', 'another']);
  expect((await client.delete(path)).status).toBe(204);
  for (const answer of [await client.get(path), await client.put(path, policy()), await client.delete(path)])
    expect(answer.status).toBe(404);
});

it.each<[object, number, string, string | RegExp]>([
  [{ name: undefined }, 400, 'name', 'name is required'],
  [{ name: ' ' }, 422, 'name', 'must not be empty'],
  [{ reviewers: undefined }, 400, 'reviewers', /./],
  [{ reviewers: 'admin' }, 400, 'reviewers', /./],
  [{ reviewers: [] }, 422, 'reviewers', 'must name somebody'],
  [{ reviewers: ['admin', ' '] }, 422, 'reviewers[1]', 'must not be empty'],
  [{ reviewers: ['role:boss'] }, 422, 'reviewers[0]', /^must name a role: one of admin/],
  [{ min_approvals: 0 }, 400, 'min_approvals', /./],
  [{ min_approvals: 1.5 }, 400, 'min_approvals', /./],
  [{ force_approve_groups: ['security'] }, 422, 'force_approve_groups', 'must be among the reviewers'],
  [{ conditions: [{}] }, 422, 'conditions[0]', 'must say something'],
  [{ conditions: [{ run_as_root: true }, { labels: [] }] }, 422, 'conditions[1].labels', 'must not be empty'],
  [{ conditions: [{ kinds: [] }] }, 422, 'conditions[0].kinds', 'must not be empty'],
  [{ conditions: [{ kinds: ['query'] }] }, 400, 'conditions.0.kinds', /./],
  [{ conditions: [{ more_than_hosts: -1 }] }, 400, 'conditions.0.more_than_hosts', /./],
  [{ conditions: [{ run_as_root: 'yes' }] }, 400, 'conditions.0.run_as_root', /./],
  [{ expires_in: 0 }, 400, 'expires_in', /./],
  [{ team_id: 77 }, 422, 'team_id', 'there is no team 77'],
])('refuses %j', async (wrong, status, name, reason) => {
  const { client } = world;
  const { body } = await client.post(POLICIES, policy({ enabled: false }));
  for (const answer of [
    await client.post(POLICIES, policy(wrong)),
    await client.put(`${POLICIES}/${body.id}`, policy(wrong)),
  ])
    expectProblem(answer, status, name, reason);
});

it('refuses a name that is taken', async () => {
  const { client } = world;
  const { body } = await client.post(POLICIES, policy({ enabled: false }));
  expect((await client.post(POLICIES, policy({ name: body.name }))).status).toBe(409);
});

it('are looked after by the admins of their team, and read by all who look at its hosts', async () => {
  const { client, server } = world;
  const [web, other] = [await addTeam(server, 'Web'), await addTeam(server, 'Other')];
  const admin = await addMember(server, web, 'admin');
  const observer = await addMember(server, web, 'observer');
  const stranger = await addMember(server, other, 'admin');
  const own = await admin.post(POLICIES, policy({ team_id: web }));
  expect(own.status).toBe(201);
  const everywhere = await client.post(POLICIES, policy({ enabled: false }));
  const path = `${POLICIES}/${own.body.id}`;

  expect((await admin.post(POLICIES, policy())).status).toBe(403);
  expect((await admin.post(POLICIES, policy({ team_id: other }))).status).toBe(403);
  expect((await admin.put(path, policy({ team_id: null }))).status).toBe(403);
  expect((await admin.put(path, policy({ team_id: other }))).status).toBe(403);
  expect((await admin.put(`${POLICIES}/${everywhere.body.id}`, policy())).status).toBe(403);
  expect((await admin.put(path, policy())).body).toMatchObject({ team_id: web });
  expect((await observer.get(path)).status).toBe(200);
  expect((await observer.get(`${POLICIES}/${everywhere.body.id}`)).status).toBe(200);
  expect((await observer.put(path, policy())).status).toBe(403);
  expect((await stranger.get(path)).status).toBe(404);
  expect((await stranger.delete(path)).status).toBe(404);
  expect((await admin.delete(path)).status).toBe(204);
});
