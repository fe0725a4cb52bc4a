import fc from 'fast-check';
import { api, type Answer, type Api } from '#libs/testing/index';
import { ended, raw, run, sql, startWorld, type World } from './support.js';

let world: World;
let document: { paths: Record<string, Record<string, Operation>>; info: object };
let anonymous: Api;

interface Operation {
  summary?: string;
  operationId?: string;
  tags?: string[];
  security?: object[];
  parameters?: { name: string; in: string; required?: boolean; schema?: object }[];
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<string, { description: string; content?: object }>;
}

beforeAll(async () => {
  world = await startWorld();
  anonymous = api({ url: world.server.url });
  document = (await anonymous.get('/openapi.json')).body;
  await ended(world.client, await run(world.client, world.host.id, 'true'));
});

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );

/** Fleet's envelope, whatever the class. */
const ENVELOPE = {
  message: expect.stringMatching(/\S/),
  errors: expect.arrayContaining([
    { name: expect.stringMatching(/\S/), reason: expect.stringMatching(/\S/) },
  ]),
};

/** osapi's, at its paths. */
const speaksOsapi = (path: string): boolean =>
  /^\/(api\/)?node\/|^\/api\/(job|agent|facts)(\/|\?|$)/.test(path);
const osapiEnvelope = (status: number) => ({
  error: expect.stringMatching(/\S/),
  details: expect.stringMatching(/\S/),
  code: status,
});

/** hoop's, at its paths: one message, and nothing else. */
const speaksHoop = (path: string): boolean =>
  /^\/api\/(sessions|connections|reviews|guardrails|agents)(\/|\?|$)/.test(path);
const speaksRpc = (path: string): boolean => path.startsWith('/api/rpc/');

/** What a 405 says at this path. */
function refusedMethod(path: string): object {
  if (speaksOsapi(path)) return osapiEnvelope(405);
  if (speaksHoop(path)) return { message: expect.stringMatching(/answers/) };
  if (speaksRpc(path))
    return { error: { code: 'method_not_allowed', message: expect.stringMatching(/answers/) } };
  return { ...ENVELOPE, message: 'Method Not Allowed' };
}

function schemaOfErrors(path: string): string {
  if (speaksOsapi(path)) return 'OsapiErrorDto';
  if (speaksHoop(path)) return 'HoopErrorDto';
  return speaksRpc(path) ? 'RpcErrorDto' : 'ErrorEnvelopeDto';
}

/** Whether an error is said as this path's dialect says errors, with something in it for people. */
function isEnvelope(path: string, status: number, body: Record<string, unknown>): boolean {
  const { message, errors, error, details, code } = body;
  const said = (text: unknown): boolean => typeof text === 'string' && text !== '';
  if (speaksOsapi(path)) return said(error) && said(details) && code === status;
  if (speaksHoop(path)) return said(message) && Object.keys(body).length === 1;
  if (!speaksRpc(path)) return typeof message === 'string' && Array.isArray(errors);
  const { code: word, message: text } = (error ?? {}) as Record<string, unknown>;
  return said(word) && said(text) && Object.keys(body).length === 1;
}

const withToken = () => ({ authorization: `Bearer ${world.client.bearer}` });
const get = (path: string, headers: Record<string, string> = withToken()) =>
  raw(world.server, 'GET', path, { headers });

describe('a path that nobody serves', () => {
  it.each([
    '/nothing',
    '/api',
    '/api/',
    '/api/v1',
    '/api/v1/fleet',
    '/api/v1/fleet/nothing',
    '/api/v3/fleet/me',
    '/api/latest/executions',
    '/api/v1/fleet/hosts/1/nothing',
    '/api/v1/fleet/hosts/identifier',
    '/api/v1/fleet/hosts/identifier/',
    '/api/v1/executions/x/y/z',
    '/favicon.icon',
    '/../etc/passwd',
    '/docs/../../etc/passwd',
    '/docs/%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    '/.git/config',
    '/API/V1/FLEET/NOTHING',
  ])('is a 404 in the envelope: %s', async (path) => {
    const answer = await get(path);
    expect({ path, status: answer.status }).toEqual({ path, status: 404 });
    expect(answer.body).toEqual({ ...ENVELOPE, message: 'Resource Not Found' });
  });

  it('is one for every method', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
      expect((await raw(world.server, method, '/api/v1/nothing')).status).toBe(404);
    const head = await raw(world.server, 'HEAD', '/api/v1/nothing');
    expect([head.status, head.body]).toEqual([404, '']);
  });
});

describe('a method that a path does not serve', () => {
  it('is a 405 in the envelope that names those it does', async () => {
    for (const { path, method } of operations().filter(({ path }) => path.startsWith('/api/'))) {
      const concrete = path.replace(/\{[^}]*\}/g, '1');
      // A name in a path may be a word that another path holds: `labels/summary` is also a label called summary.
      const fits = (template: string): boolean =>
        new RegExp(`^${template.replaceAll('{id}', '\\d+').replace(/\{[^}]*\}/g, '[^/]+')}$`).test(concrete);
      const served = Object.entries(document.paths)
        .filter(([template]) => fits(template))
        .flatMap(([, methods]) => Object.keys(methods).map((name) => name.toUpperCase()));
      for (const other of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter(
        (name) => !served.includes(name),
      )) {
        const answer = await raw(world.server, other, concrete, { headers: withToken() });
        expect({ other, concrete, status: answer.status }).toEqual({ other, concrete, status: 405 });
        expect(answer.body).toEqual(refusedMethod(concrete));
        expect(answer.headers.get('allow')?.split(', ')).toContain(method);
      }
    }
  });

  it('HEAD is served where GET is, and OPTIONS says what is', async () => {
    const head = await raw(world.server, 'HEAD', '/api/v1/fleet/me', { headers: withToken() });
    expect([head.status, head.body]).toEqual([200, '']);
    expect((await raw(world.server, 'HEAD', '/api/v1/fleet/me')).status).toBe(401);
    const options = await raw(world.server, 'OPTIONS', '/api/v1/fleet/scripts/run');
    expect([200, 204, 405]).toContain(options.status);
    expect(options.headers.get('allow')).toContain('POST');
  });
});

describe('odd addresses', () => {
  it.each([
    '/api/v1/fleet/hosts/identifier/a%2Fb',
    '/api/v1/fleet/hosts/identifier/%00',
    '/api/v1/fleet/hosts/identifier/a%00b',
    '/api/v1/fleet/hosts/identifier/%ff',
    '/api/v1/fleet/hosts/identifier/%',
    '/api/v1/fleet/hosts/identifier/%zz',
    '/api/v1/fleet/hosts/identifier/%ED%A0%80',
    '/api/v1/fleet/hosts/%00',
    '/api/v1/fleet/sessions/%ff',
    '/api/v1/executions/%00',
    '/api/v1/executions/%ff/output',
    '/api/v1/fleet/scripts/results/%',
    '/api/v1/fleet/hosts?query=%00',
    '/api/v1/fleet/hosts?query=%ff',
    '/api/v1/fleet/hosts?query=%',
    '/api/v1/fleet/hosts?query=%5C',
    '/api/v1/fleet/hosts?query[]=a&query[b]=c',
    '/api/v1/fleet/hosts?query=a&query=b',
    '/api/v1/fleet/hosts?__proto__=1&constructor=2&toString=3',
    '/api/v1/executions?host=%00',
    '/api/v1/executions?host=%ff',
    '/api/v1/executions?since=%00',
    '/%00',
    '/%ff',
    '/%',
    '//',
    '//api//v1//fleet//me',
    '/api/v1/fleet/me/',
    '/api/v1/fleet/me;x=1',
    '/api/v1/fleet/me?',
    '/?',
    '/docs/%00',
    '/docs/%ff',
    '/metrics/%00',
    '*',
  ])('are never a 500: %s', async (path) => {
    const answer = await get(path);
    expect({ path, status: answer.status, ok: answer.status < 500 }).toMatchObject({ path, ok: true });
    if (answer.status >= 400) expect(answer.body).toEqual(expect.objectContaining(ENVELOPE));
  });

  it.each([
    ['a long path', `/api/v1/fleet/hosts/identifier/${'x'.repeat(12_000)}`],
    ['a long query', `/api/v1/fleet/hosts?query=${'x'.repeat(12_000)}`],
    ['many parameters', `/api/v1/fleet/hosts?${'a=1&'.repeat(3_000)}`],
    ['many slashes', '/'.repeat(12_000)],
  ])('%s is answered', async (_, path) => {
    const { status, body } = await get(path);
    expect(status).toBeLessThan(500);
    expect(JSON.stringify(body).length).toBeLessThan(20_000);
  });

  it('longer than the server reads is refused without a 500, and the server lives on', async () => {
    const status = await get(`/api/v1/${'x'.repeat(100_000)}`).then(
      (answer) => answer.status,
      () => 431,
    );
    expect([414, 431]).toContain(status);
    expect((await anonymous.get('/healthz')).status).toBe(200);
  });
});

describe('the API document', () => {
  it('describes every route: summary, tag, answers and errors', () => {
    expect(operations().length).toBeGreaterThan(15);
    for (const { method, path, operation } of operations()) {
      const name = `${method} ${path}`;
      expect({ name, summary: operation.summary }).toEqual({ name, summary: expect.stringMatching(/\S/) });
      expect({ name, tags: operation.tags?.length }).toEqual({ name, tags: 1 });
      const codes = Object.keys(operation.responses);
      expect({ name, ok: codes.some((code) => code.startsWith('2')) }).toEqual({ name, ok: true });
      if (operation.security !== undefined)
        expect({ name, codes }).toEqual({ name, codes: expect.arrayContaining(['401', '403']) });
      // Fleet answers 400 to a host that does not exist here, and so does osapi.
      if (path.includes('{') && !path.endsWith('/{identifier}/query') && !path.startsWith('/node/'))
        expect({ name, codes }).toEqual({ name, codes: expect.arrayContaining(['404']) });
      const input = operation.requestBody ?? operation.parameters?.find((one) => one.in === 'query');
      if (input !== undefined && method !== 'POST')
        // hoop's lists answer 422 to values that make no sense.
        expect({ name, bad: codes.some((code) => ['400', '422'].includes(code)) }).toEqual({
          name,
          bad: true,
        });
      for (const [code, answer] of Object.entries(operation.responses)) {
        // Where nothing is answered, a 202 holds nothing either.
        if (code.startsWith('2') && !('204' in operation.responses) && !['/metrics'].includes(path))
          expect({ name, code, content: answer.content }).toEqual({ name, code, content: expect.anything() });
        // 408 is no error in Fleet's contract: the body is that of a result which is not there yet.
        if (/^[45]/.test(code) && code !== '408')
          expect(JSON.stringify(answer.content ?? name)).toContain(
            `#/components/schemas/${schemaOfErrors(path)}`,
          );
      }
    }
  });

  it('names every route in one short line', () => {
    const long = operations()
      .map(({ operation }) => operation.summary ?? '')
      .filter((summary) => summary.includes('\n') || summary.length > 80);
    expect(long).toEqual([]);
  });

  it('knows all routes that the clients use, each by a name of its own', () => {
    const paths = Object.keys(document.paths);
    expect(paths).toEqual(
      expect.arrayContaining([
        '/api/v1/setup',
        ...['login', 'logout', 'me', 'version', 'config', 'sessions/{id}', 'hosts', 'hosts/{id}'].map(
          (name) => `/api/v1/fleet/${name}`,
        ),
        '/api/v1/fleet/hosts/identifier/{identifier}',
        '/api/v1/fleet/scripts/run',
        '/api/v1/fleet/scripts/results/{execution_id}',
        ...['', '/{uuid}', '/{uuid}/output', '/{uuid}/cancel'].map((tail) => `/api/v1/executions${tail}`),
        '/healthz',
        '/readyz',
        '/metrics',
        '/version',
      ]),
    );
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('says of every code that a request can provoke', async () => {
    const seen: [string, string, Answer][] = [
      ['POST', '/api/v1/fleet/login', await anonymous.post('/api/v1/fleet/login', {})],
      ['GET', '/api/v1/fleet/hosts', await world.client.get('/api/v1/fleet/hosts?page=x')],
      ['GET', '/api/v1/fleet/sessions/{id}', await world.client.get('/api/v1/fleet/sessions/9999999999')],
      ['GET', '/api/v1/fleet/hosts/{id}', await world.client.get('/api/v1/fleet/hosts/9999999999')],
      ['POST', '/api/v1/fleet/scripts/run', await world.client.post('/api/v1/fleet/scripts/run', {})],
      [
        'POST',
        '/api/v1/fleet/scripts/run',
        await world.client.post('/api/v1/fleet/scripts/run', 'x'.repeat(9_000_000)),
      ],
      [
        'POST',
        '/api/v1/fleet/scripts/run',
        await world.client.post('/api/v1/fleet/scripts/run', 'x', {
          origin: 'x',
          'content-type': 'text/plain',
        }),
      ],
    ];
    const undocumented = seen
      .filter(([method, path, { status }]) => {
        const { responses } = document.paths[path]![method.toLowerCase()]!;
        return !(String(status) in responses);
      })
      .map(([method, path, { status }]) => `${method} ${path}: ${status}`);
    expect(undocumented).toEqual([]);
  });
});

/** Words that are likely to hurt: numbers that overflow, bytes that are no text, syntax of other languages. */
const nasty = fc.oneof(
  fc.constantFrom(
    ...['', ' ', '0', '-1', '1.5', '1e9', '0x1', '2147483647', '2147483648', '9223372036854775808', 'NaN'],
    ...['null', 'undefined', 'true', '[]', '{}', "'", '"', '\\', ';--', '%', '%00', '\0', '\ud800', '\uffff'],
    ...[
      '../..',
      '..%2f',
      '2024-13-99',
      '0000-01-01',
      'x'.repeat(300),
      '11111111-2222-4333-8444-555555555555',
    ],
    ...['__proto__', 'constructor', '${1}', '$1', '*', '?', '#', '\r\n', 'host-', '👋', '\u202e'],
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ maxLength: 20 }),
);
const nastyValue = fc.oneof(
  nasty,
  fc.jsonValue({ maxDepth: 2 }),
  fc.integer(),
  fc.constantFrom(1e300, -1e300, 99999999999, 2 ** 53, null, true, [], {}),
);
const encoded = nasty.map((text) => encodeURIComponent(text.toWellFormed()) || '%20');

describe('malformed requests to every route', () => {
  const routes = () => operations().filter(({ path }) => !path.endsWith('/logout'));
  const requests = () =>
    fc.record({
      route: fc.constantFrom(...routes()),
      ids: fc.array(encoded, { minLength: 2, maxLength: 2 }),
      query: fc.array(fc.tuple(nasty, nasty), { maxLength: 4 }),
      values: fc.array(nastyValue, { minLength: 8, maxLength: 8 }),
      form: fc.constantFrom('fields', 'fields', 'fields', 'value', 'text', 'none'),
    });

  it('never end in a 5xx, and every refusal is in the envelope', async () => {
    // Sessions that these requests may delete are not the one that they use.
    await sql(world.server, 'ALTER SEQUENCE sessions_id_seq RESTART WITH 1000000007');
    await world.client.login();
    const broken: string[] = [];
    const asked = new Map<string, number>();
    for (const { route, ids, query, values, form } of fc.sample(requests(), {
      numRuns: 2_000,
      seed: 20_240_911,
    })) {
      const { method, path, operation } = route;
      const names = (operation.parameters ?? []).filter((one) => one.in === 'query').map(({ name }) => name);
      const parameters = query.map(([name, value], i) => [names[i] ?? name, value].map(safe).join('='));
      const filled = ids.reduce((text, id) => text.replace(/\{[^}]*\}/, () => id), path);
      // Nobody waits five minutes for an answer here.
      const target = `${filled}?${parameters.filter((one) => !one.startsWith('wait=')).join('&')}`;
      const body = method === 'GET' ? undefined : bodyOf(operation, values, form);
      const length: Record<string, string> =
        body === undefined ? {} : { 'content-length': String(body.length) };
      const answer = await raw(world.server, method, target, {
        headers: { ...withToken(), ...length },
        body,
      });
      asked.set(path, (asked.get(path) ?? 0) + 1);
      if (answer.status >= 500 || (answer.status >= 400 && !isEnvelope(path, answer.status, answer.body)))
        broken.push(`${answer.status} ${method} ${target} ${body?.toString() ?? ''}`);
    }
    expect(broken).toEqual([]);
    expect([...asked.keys()].sort()).toEqual([...new Set(routes().map(({ path }) => path))].sort());
    expect((await world.client.get('/api/v1/fleet/me')).status).toBe(200);
  });

  const safe = (text: string) => encodeURIComponent(text.toWellFormed());

  /** A body with the route's own fields and nasty values, or none of the kind. */
  function bodyOf(operation: Operation, values: unknown[], form: string): Buffer | undefined {
    const schema = resolve(operation.requestBody?.content['application/json']?.schema);
    const fields = Object.keys((schema as { properties?: object } | undefined)?.properties ?? { any: 1 });
    const object = Object.fromEntries(fields.map((name, i) => [name, values[i % values.length]]));
    // Where scripts are asked for, mostly of the real host, so that the later checks have their turn.
    if ('host_id' in object && typeof object['host_id'] !== 'number') object['host_id'] = world.host.id;
    switch (form) {
      case 'fields':
        return Buffer.from(JSON.stringify(object));
      case 'value':
        return Buffer.from(JSON.stringify(values[0]) ?? '');
      case 'text':
        return Buffer.from(String(values[0]));
      default:
        return undefined;
    }
  }

  function resolve(schema: object | undefined): object | undefined {
    const name = /^#\/components\/schemas\/(.*)$/.exec(
      (schema as { $ref?: string } | undefined)?.$ref ?? '',
    )?.[1];
    const all = (document as unknown as { components: { schemas: Record<string, object> } }).components
      .schemas;
    return name === undefined ? schema : all[name];
  }
});
