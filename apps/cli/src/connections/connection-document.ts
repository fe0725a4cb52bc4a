import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type CliEnvironment } from '../config/environment.js';
import { DocumentError, type Fields, isFields, type Place } from '../specs/document.js';
import { readYaml } from '../specs/read-yaml.js';
import { type SourceText } from '../specs/read-files.js';
import { type PrintedDocument } from '../specs/write-documents.js';

/** A connection as a file holds it. */
export interface ConnectionDocument {
  readonly place: Place;
  readonly name: string;
  /** As the API takes it, secrets and all. */
  readonly fields: Fields;
}

type Variable = CliEnvironment['variable'];

const KIND = 'connection';
/** What the server says of a connection, and is nobody's to write. */
const TOLD = ['id', 'status', 'secrets', 'secrets_updated_at', 'managed_by', 'created_at', 'updated_at'];

/**
 * Connections of files: each document is one, or a list of them, bare or under `spec` of the kind `connection`.
 * @param variable where secrets that name one come from
 * @throws DocumentError that says where; no secret is quoted
 */
export async function readConnections(
  sources: readonly SourceText[],
  variable: Variable,
): Promise<ConnectionDocument[]> {
  const found: ConnectionDocument[] = [];
  for (const { file, text } of sources)
    for (const { place, value } of readYaml(text, file))
      for (const each of Array.isArray(value) ? (value as unknown[]) : [value])
        found.push(await readOne(place, each, variable));
  const names = new Set<string>();
  for (const { place, name } of found) {
    if (names.has(name)) throw new DocumentError(place, `connection "${name}" stands here twice`);
    names.add(name);
  }
  return found;
}

async function readOne(place: Place, value: unknown, variable: Variable): Promise<ConnectionDocument> {
  const fields = unwrap(place, value);
  const { name, secret = {} } = fields;
  if (typeof name !== 'string' || name === '') throw new DocumentError(place, 'a connection needs a name');
  if (!isFields(secret))
    throw new DocumentError(place, `${name}: secret must be a map of envvar:NAME or filesystem:NAME`);
  const told = TOLD.filter((key) => key in fields);
  const mine = Object.fromEntries(Object.entries(fields).filter(([key]) => !told.includes(key)));
  const secrets: Record<string, unknown> = {};
  for (const [key, source] of Object.entries(secret))
    secrets[key] = await secretOf({ place, what: `${name}: secret ${key}`, key }, source, variable);
  return { place, name, fields: 'secret' in fields ? { ...mine, secret: secrets } : mine };
}

function unwrap(place: Place, value: unknown): Fields {
  if (!isFields(value)) throw new DocumentError(place, 'a connection is meant: a map with its fields');
  if (!('spec' in value)) return value;
  if (value['kind'] !== KIND)
    throw new DocumentError(place, `kind must be ${KIND}; \`muster apply\` takes other kinds`);
  if (!isFields(value['spec'])) throw new DocumentError(place, 'spec must be a map');
  return value['spec'];
}

interface SecretPlace {
  readonly place: Place;
  readonly what: string;
  readonly key: string;
}

/** `{ env: VARIABLE }`, `{ file: PATH }` (from where the document is), null, or what the API takes: base64, or the mask. */
async function secretOf(
  { place, what, key }: SecretPlace,
  source: unknown,
  variable: Variable,
): Promise<unknown> {
  if (source === null || typeof source === 'string') return source;
  const [from, ...others] = isFields(source) ? Object.entries(source) : [];
  const [how, name] = from ?? [];
  if (others.length > 0 || (how !== 'env' && how !== 'file') || typeof name !== 'string')
    throw new DocumentError(place, `${what} must be { env: VARIABLE }, { file: PATH }, or null to remove it`);
  if (how === 'env') {
    const value = variable(name);
    if (value === undefined) throw new DocumentError(place, `${what}: ${name} is not set here`);
    return Buffer.from(value).toString('base64');
  }
  const path = place.file === 'standard input' ? resolve(name) : resolve(dirname(place.file), name);
  try {
    const bytes = await readFile(path);
    // A password's file ends with a line end that is none of it; a key's file is what it is.
    const end = key.startsWith('envvar:') ? /\r?\n$/.exec(bytes.toString('latin1'))?.[0].length : 0;
    return bytes.subarray(0, bytes.length - (end ?? 0)).toString('base64');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    throw new DocumentError(place, `${what}: cannot read ${path} (${code})`);
  }
}

/** What `connections apply` takes to leave everything as it is: without secrets, which stay, and what is a default anyway. */
export function documentOf(raw: Readonly<Record<string, unknown>>): PrintedDocument {
  const kept = Object.entries(raw).filter(
    ([key, value]) => !TOLD.includes(key) && key !== 'secret' && !isEmpty(value),
  );
  return { kind: KIND, spec: Object.fromEntries(kept) };
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === '' || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isFields(value) && Object.keys(value).length === 0;
}
