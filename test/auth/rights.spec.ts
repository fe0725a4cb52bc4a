import { readFileSync } from 'node:fs';
import { type Act, ACTS, type Role } from '#libs/platform/auth/index';
import { Api, until } from '#libs/testing/index';
import { PUBLIC, type RouteCase, ROUTES } from './routes.js';
import { AuthWorld, type Place, PLACES, type Who } from './world.js';

interface Operation {
  readonly 'x-muster-act'?: Act;
  readonly security?: unknown[];
}

/** Every route that there is, as the server's own document lists them. */
const document = JSON.parse(readFileSync('openapi/openapi.json', 'utf8')) as {
  paths: Record<string, Record<string, Operation>>;
};
const operations = new Map<string, Operation>(
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as [string, Operation],
    ),
  ),
);

let world: AuthWorld;

beforeAll(async () => {
  world = await AuthWorld.start();
});
afterAll(() => world.close());

function actOf(route: string): Act {
  const act = operations.get(route)?.['x-muster-act'];
  if (act === undefined) throw new Error(`${route} names no row of the table of rights`);
  return act;
}

/** What the one table says. */
function allowed(act: Act, who: Who, about: RouteCase['about'], place: Place): boolean {
  const rule: { global: readonly Role[]; team: readonly Role[]; anyTeam?: true; noTeam?: readonly Role[] } =
    ACTS[act];
  if (who.global) return rule.global.includes(who.role);
  if (about === 'object' && place === 'none' && rule.noTeam?.includes(who.role)) return true;
  if (!rule.team.includes(who.role)) return false;
  return about === 'list' || rule.anyTeam === true || (about === 'object' && place === 'near');
}

it('knows every route, and no other', () => {
  expect(Object.keys(ROUTES).sort()).toEqual([...operations.keys()].sort());
});

it('agrees with the document on which routes ask for no token', () => {
  const open = [...operations]
    .filter(([, operation]) => operation.security === undefined)
    .map(([route]) => route);
  expect(
    Object.keys(ROUTES)
      .filter((route) => ROUTES[route] === PUBLIC)
      .sort(),
  ).toEqual(open.sort());
});

for (const [route, cases] of Object.entries(ROUTES)) {
  const [method = '', template = ''] = route.split(' ', 2);
  if (cases === PUBLIC) {
    it(`${route} asks for no token`, async () => {
      const answer = await world.nobody.request(method, template);
      expect([401, 403]).not.toContain(answer.status);
    });
    continue;
  }
  describe(route, () => {
    it('answers 401 without a token, and with one that means nothing', async () => {
      for (const api of [
        world.nobody,
        new Api({ url: world.server.url }, 'bm9ib2R5'),
        new Api({ url: world.server.url }, 'muster_x'),
      ]) {
        const path = template.replaceAll(/\{\w+\}/g, '1');
        expect((await api.request(method, path, method === 'GET' ? undefined : {})).status).toBe(401);
      }
    });

    for (const one of cases) {
      it(`${one.what ?? 'in every place'}: each role as the table says`, async () => {
        const act = one.act ?? actOf(route);
        const wrong: string[] = [];
        for (const who of world.callers) {
          for (const place of one.about === 'object' ? PLACES : (['near'] as const)) {
            const sample = await one.sample(world, place, who);
            if (sample === null) continue;
            const { path, body, token } = sample;
            const api = token === undefined ? who.api : who.api.as(token);
            const answer = await api.request(method, path, body);
            const expected = allowed(act, who, one.about, place);
            // Somebody who may do this nowhere is refused before anything is looked up.
            const unseen = one.hidden === true ? 404 : one.hidden;
            const refusal = unseen !== undefined && allowed(actOf(route), who, 'list', place) ? unseen : 403;
            const right = expected
              ? ![401, 403].includes(answer.status) && answer.status < 500
              : answer.status === refusal;
            if (!right || (expected && answer.status === unseen))
              wrong.push(
                `${who.name}, ${place}: ${answer.status}, expected ${expected ? 'to be let in' : refusal} ${JSON.stringify(answer.body).slice(0, 120)}`,
              );
          }
        }
        expect(wrong).toEqual([]);
      });
    }
  });
}

it('has written down every refusal', async () => {
  const observer = world.callers.find((who) => who.name === 'global observer');
  const count = async (): Promise<number> => {
    const [{ n }] = await world.sql(
      "SELECT count(*)::int AS n FROM audit WHERE outcome = 'denied' AND user_id = $1",
      [observer?.userId],
    );
    return n as number;
  };
  const before = await count();
  const answer = await observer?.api.post('/api/v1/fleet/scripts/run', {
    host_id: world.hosts.near,
    script_contents: 'true',
  });
  expect(answer?.status).toBe(403);
  await until(async () => (await count()) === before + 1, { what: 'one more row' });
  const [row] = await world.sql(
    "SELECT * FROM audit WHERE outcome = 'denied' AND user_id = $1 ORDER BY id DESC LIMIT 1",
    [observer?.userId],
  );
  expect(row).toMatchObject({
    act: 'script:execute',
    address: '127.0.0.1',
    details: { method: 'POST', path: '/api/v1/fleet/scripts/run' },
  });
});
