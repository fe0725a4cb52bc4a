import { Agent, request } from 'node:http';
import { deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { garbage, NASTY_TEXTS, type Schema, type Values } from './values.js';

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly schema?: Schema;
}

/** A route of the document. */
export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  /** By content type. */
  readonly bodies: Readonly<Record<string, Schema>>;
}

/** A request as it is sent, byte for byte. */
export interface FuzzRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
  /** Hang up after so many bytes of the body, although more were promised. */
  readonly cutAt: number | null;
}

interface Body {
  readonly type: string | null;
  readonly bytes: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

const BOUNDARY = 'muster-fuzz-boundary';
const ACCEPTS = ['application/json', '*/*', 'text/event-stream', 'text/html;q=0.1', 'nonsense', ''];
const TYPES = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'application/json; charset=utf-16',
  'application/json; charset=nonsense',
  'multipart/form-data',
  'nonsense',
  'application/xml',
  '',
];
const ENCODINGS = ['gzip', 'br', 'deflate', 'identity', 'nonsense', 'gzip, gzip'];

/** Requests for a route: what it describes, and what it does not. */
export function requests(operation: Operation, values: Values): fc.Arbitrary<FuzzRequest> {
  const of = (place: Parameter['in']): readonly Parameter[] =>
    operation.parameters.filter((p) => p.in === place);
  const path = fc.record(Object.fromEntries(of('path').map((p) => [p.name, pathValue(values, p)])));
  const query = fc.record(Object.fromEntries(of('query').map((p) => [p.name, queryValue(values, p)])), {
    requiredKeys: [],
  });
  const strange = fc.option(
    fc.constantFrom(
      'a=b',
      'a=1&a=2',
      'a[b]=c',
      '%00=%00',
      '%ff',
      '&&&',
      'limit=1&limit=2',
      'wait=0',
      'page=1&page=x',
      '='.repeat(50),
      `x=${'y'.repeat(6_000)}`,
    ),
    { nil: '', freq: 5 },
  );
  const headers = fc.record(
    {
      accept: fc.constantFrom(...ACCEPTS),
      'idempotency-key': headerText(),
      'last-event-id': fc.constantFrom('0', '1', 'x', '-1', '9'.repeat(20)),
      'user-agent': headerText(),
      origin: fc.constantFrom('https://example.com', 'null', 'x'),
      'x-forwarded-for': headerText(),
      cookie: headerText(),
    },
    { requiredKeys: [] },
  );
  const body = bodyFor(operation, values);
  return fc.record({ path, query, strange, headers, body, cut: fc.nat(40) }).map((parts) => {
    const filled = operation.path.replace(/\{([^}]+)\}/g, (_, name: string) => parts.path[name] ?? 'x');
    const search = [
      ...Object.entries(parts.query).map(([key, value]) => `${encodeURIComponent(key)}=${value}`),
      parts.strange,
    ]
      .filter((part) => part !== '')
      .join('&');
    const { body: made } = parts;
    return {
      method: operation.method,
      target: search === '' ? filled : `${filled}?${search}`,
      headers: {
        ...parts.headers,
        ...(made && made.type !== null ? { 'content-type': made.type } : {}),
        ...made?.headers,
      },
      body: made?.bytes ?? null,
      cutAt: made && parts.cut === 0 && made.bytes.length > 1 ? made.bytes.length >> 1 : null,
    };
  });
}

/** What a header may hold, as far as HTTP goes. */
function headerText(): fc.Arbitrary<string> {
  return fc.oneof(
    fc.string({ maxLength: 40 }).map((text) => text.replace(/[^\x20-\x7e]/g, '?')),
    fc.constantFrom('', 'k', 'x'.repeat(4_000), '\x80\xff\xfe', '%00', '0', '{}'),
  );
}

/** One segment of a path, percent-encoded, or deliberately badly so. */
function pathValue(values: Values, { name, schema = {} }: Parameter): fc.Arbitrary<string> {
  const text = (value: unknown): string => encoded(value) || '%20';
  return fc.oneof(
    { weight: 6, arbitrary: values.existing(name).map(text) },
    { weight: 4, arbitrary: values.of(schema, name, 3).map(text) },
    { weight: 2, arbitrary: fc.constantFrom(...NASTY_TEXTS).map(text) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '%00',
        '%ff',
        '%',
        '%zz',
        '%e0%80%80',
        '..%2f..',
        '%2e%2e',
        'a%0d%0ab',
        "'",
        '~!$&()*+,;=:@',
        '.',
        '0x1',
        '01',
        '1e3',
        '-1',
        '9'.repeat(25),
      ),
    },
  );
}

function queryValue(values: Values, { name, schema = {} }: Parameter): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 8, arbitrary: values.of(schema, name, 1).map(encoded) },
    { weight: 1, arbitrary: fc.constantFrom('', '%00', '%ff', '%', '%zz', '+', '1&1', `1&${name}=2`) },
  );
}

/** Any value as a part of an address. */
function encoded(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return encodeURIComponent(wellFormed(text.slice(0, 3_000)));
}

function wellFormed(text: string): string {
  return text.replace(/[\ud800-\udfff]/gu, '\ufffd');
}

function bodyFor({ method, bodies }: Operation, values: Values): fc.Arbitrary<Body | null> {
  const [type, schema] = Object.entries(bodies)[0] ?? [];
  const json = values.of(schema ?? { type: 'object' }).map((value) => JSON.stringify(value) ?? 'null');
  const asJson = json.map((text) => ({ type: 'application/json', bytes: Buffer.from(text) }));
  if (type === undefined)
    return method === 'GET'
      ? fc.option(asJson, { nil: null, freq: 1 }).map((b) => (b && b.bytes.length < 50 ? b : null))
      : fc.option(fc.oneof(asJson, broken(json)), { nil: null });
  const described = type === 'multipart/form-data' ? multipart(schema ?? {}, values) : asJson;
  return fc.oneof(
    { weight: 16, arbitrary: described },
    { weight: 4, arbitrary: broken(json) },
    { weight: 1, arbitrary: multipart(schema ?? {}, values) },
    { weight: 1, arbitrary: fc.constant(null) },
  );
}

/** Bodies that are not what they should be, or not as they say. */
function broken(json: fc.Arbitrary<string>): fc.Arbitrary<Body> {
  const type = 'application/json';
  return fc.oneof(
    json.chain((text) =>
      fc.constantFrom(...TYPES).map((other) => ({ type: other, bytes: Buffer.from(text) })),
    ),
    json.chain((text) =>
      fc.nat(text.length).map((length) => ({ type, bytes: Buffer.from(text.slice(0, length)) })),
    ),
    json.map((text) => ({ type, bytes: gzipSync(text), headers: { 'content-encoding': 'gzip' } })),
    json.map((text) => ({
      type,
      bytes: gzipSync(text).subarray(0, 20),
      headers: { 'content-encoding': 'gzip' },
    })),
    json.map((text) => ({ type, bytes: deflateSync(text), headers: { 'content-encoding': 'deflate' } })),
    json.chain((text) =>
      fc
        .constantFrom(...ENCODINGS)
        .map((encoding) => ({ type, bytes: Buffer.from(text), headers: { 'content-encoding': encoding } })),
    ),
    json.map((text) => ({ type, bytes: Buffer.from(text, 'utf16le') })),
    json.map((text) => ({
      type,
      bytes: Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(text)]),
    })),
    json.map((text) => ({ type, bytes: Buffer.from(text.replace(/"/, '"\xff\xfe'), 'latin1') })),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => ({ type, bytes: Buffer.from(bytes) })),
    garbage.map((value) => ({ type, bytes: Buffer.from(JSON.stringify(value) ?? '') })),
    fc
      .constantFrom(
        '['.repeat(20_000),
        '{"a":'.repeat(20_000),
        '"\\ud800"',
        '{"a":1e999999}',
        '{"a":1,"a":2}',
        '{"__proto__":{"a":1}}',
        ' '.repeat(10_000),
        '0',
        'nul',
        '\0',
        '{"a":"\\u0000"}',
      )
      .map((text) => ({ type, bytes: Buffer.from(text) })),
    fc.constant({ type, bytes: Buffer.from('{}'), headers: { 'transfer-encoding': 'chunked' } }),
  );
}

/** A form as the schema has it; its end, its boundary or its parts are missing now and then. */
function multipart(schema: Schema, values: Values): fc.Arbitrary<Body> {
  const names = [...Object.keys(schema.properties ?? {}), 'script', 'other', ''];
  const part = fc.record({
    name: fc.constantFrom(...names),
    file: fc.option(fc.constantFrom('a.sh', 'b.ps1', '../../x.sh', 'ü.sh', 'no', '.sh', 'a"b.sh'), {
      nil: undefined,
    }),
    text: fc.oneof(
      values.existing('team_id').map(String),
      fc.constantFrom('echo hello', '#!/bin/sh\necho', ...NASTY_TEXTS),
    ),
    type: fc.constantFrom('text/plain', 'application/octet-stream', 'nonsense', ''),
  });
  const damage = fc.constantFrom(
    'none',
    'none',
    'none',
    'no end',
    'no boundary',
    'other boundary',
    'half',
    'no headers',
  );
  return fc.tuple(fc.array(part, { maxLength: 4 }), damage).map(([parts, how]) => {
    const text = parts
      .map(({ name, file, text: value, type }) => {
        const disposition = `content-disposition: form-data; name="${name}"${file === undefined ? '' : `; filename="${file}"`}`;
        const head =
          how === 'no headers' ? '' : `${disposition}\r\n${type === '' ? '' : `content-type: ${type}\r\n`}`;
        return `--${BOUNDARY}\r\n${head}\r\n${value}\r\n`;
      })
      .join('');
    const whole = how === 'no end' ? text : `${text}--${BOUNDARY}--\r\n`;
    const bytes = Buffer.from(whole);
    return {
      type: `multipart/form-data${how === 'no boundary' ? '' : `; boundary=${how === 'other boundary' ? 'another' : BOUNDARY}`}`,
      bytes: how === 'half' ? bytes.subarray(0, bytes.length >> 1) : bytes,
    };
  });
}

/** What came back; null: we hung up ourselves. */
export interface FuzzAnswer {
  readonly status: number;
  readonly text: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 32 });

/**
 * Sends it as it is.
 * @throws Error when the server hangs up, or does not answer in time
 */
export function send(
  url: string,
  { method, target, headers, body, cutAt }: FuzzRequest,
  withinMs: number,
): Promise<FuzzAnswer | null> {
  const { hostname, port } = new URL(url);
  const chunked = headers['transfer-encoding'] !== undefined;
  const length = body && !chunked ? { 'content-length': String(body.length) } : {};
  return new Promise((resolve, reject) => {
    const outgoing = request({
      hostname,
      port,
      method,
      path: target,
      headers: { ...headers, ...length },
      agent: cutAt === null ? agent : false,
    });
    const timer = setTimeout(() => {
      reject(new Error(`no answer within ${withinMs} ms`));
      outgoing.destroy();
    }, withinMs);
    const settle = (answer: FuzzAnswer | null): void => {
      clearTimeout(timer);
      resolve(answer);
    };
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    outgoing.on('response', (incoming) => {
      const status = incoming.statusCode ?? 0;
      const parts: Buffer[] = [];
      // Streams go on; that they have begun is their answer.
      if (/event-stream/.test(incoming.headers['content-type'] ?? '')) {
        settle({ status, text: '' });
        incoming.destroy();
        return;
      }
      incoming.on('data', (part: Buffer) => parts.push(part));
      incoming.on('end', () => settle({ status, text: Buffer.concat(parts).toString().slice(0, 2_000) }));
      incoming.on('error', fail);
    });
    outgoing.on('error', (error) => {
      if (cutAt !== null) settle(null);
      else fail(error);
    });
    if (body !== null && cutAt !== null) {
      outgoing.write(body.subarray(0, cutAt), () => setImmediate(() => outgoing.destroy()));
      return;
    }
    outgoing.end(body ?? undefined);
  });
}

/** Lets go of what is kept open. */
export function hangUp(): void {
  agent.destroy();
}
