import { api, startServer, type Api, type ServerFixture } from '#libs/testing/index';
import { addUser, expectProblem, sql } from './support.js';

const CONFIG = '/api/v1/fleet/config';

let server: ServerFixture;
let admin: Api;

beforeAll(async () => {
  server = await startServer();
  admin = await api(server).login();
});

describe('organization settings', () => {
  it('change where they are given', async () => {
    const first = await admin.patch(CONFIG, {
      org_info: { org_name: 'Acme', org_logo_url: 'https://acme.example.com/logo.png' },
      server_settings: { server_url: 'https://muster.example.com', scripts_disabled: true },
    });
    expect(first.status).toBe(200);
    expect(first.body).toMatchObject({
      org_info: { org_name: 'Acme', org_logo_url: 'https://acme.example.com/logo.png' },
      server_settings: { server_url: 'https://muster.example.com', scripts_disabled: true },
      license: { tier: 'premium' },
    });
    const second = await admin.patch(CONFIG, { server_settings: { scripts_disabled: false } });
    expect(second.body).toEqual({
      ...first.body,
      server_settings: { ...first.body.server_settings, scripts_disabled: false },
    });
    expect((await admin.get(CONFIG)).body).toEqual(second.body);
    expect((await admin.patch(CONFIG, {})).body).toEqual(second.body);
    // What changes nothing leaves no trace.
    const acts = await sql(
      server,
      `SELECT details FROM audit WHERE act = 'edited_organization_settings' ORDER BY id`,
    );
    expect(acts.slice(1)).toEqual([{ details: { scripts_disabled: false } }]);
  });

  it('can be tried without a change', async () => {
    const before = await admin.get(CONFIG);
    const tried = await admin.patch(`${CONFIG}?dry_run=true`, { org_info: { org_name: 'Other' } });
    expect([tried.status, tried.body]).toEqual([200, before.body]);
    expectProblem(
      await admin.patch(`${CONFIG}?dry_run=true`, { org_info: { org_name: '' } }),
      422,
      'org_info.org_name',
      /\S/,
    );
    expectProblem(await admin.patch(`${CONFIG}?dry_run=1`, {}), 400, 'dry_run', /\S/);
  });

  it.each<[unknown, number, string, string | RegExp]>([
    [undefined, 400, 'base', 'Expected JSON Body'],
    [{ colour: 'red' }, 400, 'colour', 'unsupported key provided: "colour"'],
    [{ org_info: { name: 'x' } }, 400, 'org_info.name', 'unsupported key provided: "name"'],
    [
      { server_settings: { scripts_disbled: true } },
      400,
      'server_settings.scripts_disbled',
      /unsupported key/,
    ],
    [{ org_info: 'x' }, 400, 'org_info', /object/],
    [{ org_info: { org_name: 1 } }, 400, 'org_info.org_name', /string/],
    [{ org_info: { org_name: 'a\0' } }, 400, 'org_info.org_name', /NUL/],
    [{ org_info: { org_name: 'x'.repeat(256) } }, 400, 'org_info.org_name', /255/],
    [{ server_settings: { scripts_disabled: 'yes' } }, 400, 'server_settings.scripts_disabled', /boolean/],
    [{ org_info: { org_name: ' ' } }, 422, 'org_info.org_name', 'organization name must be present'],
    [{ server_settings: { server_url: 'ftp://x' } }, 422, 'server_settings.server_url', /http/],
  ])('refuse what is none of them, case %#', async (body, status, name, reason) => {
    const before = (await admin.get(CONFIG)).body;
    expectProblem(await admin.patch(CONFIG, body), status, name, reason);
    expect((await admin.get(CONFIG)).body).toEqual(before);
  });

  it('are changed by global admins and gitops, and read by everybody', async () => {
    for (const [role, status] of [
      ['admin', 200],
      ['gitops', 200],
      ['maintainer', 403],
      ['observer_plus', 403],
    ] as const) {
      const client = await addUser(server, `${role}@who.example.com`, role);
      expect([role, (await client.patch(CONFIG, {})).status]).toEqual([role, status]);
      expect((await client.get(CONFIG)).status).toBe(200);
    }
  });
});
