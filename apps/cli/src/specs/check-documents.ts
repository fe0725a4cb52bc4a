import {
  DocumentError,
  type Fields,
  isFields,
  keyOf,
  type Kind,
  KINDS,
  type Place,
  placeText,
  type SpecDocument,
} from './document.js';
import { type RawDocument } from './read-yaml.js';

const KEYS = ['apiVersion', 'kind', 'spec'];

/**
 * Documents as far as they can be checked without the server.
 * @throws DocumentError with the first thing that is wrong
 */
export function checkDocuments(documents: readonly RawDocument[]): SpecDocument[] {
  const checked = documents.flatMap(check);
  const seen = new Map<string, Place>();
  for (const document of checked) {
    const { kind, name, place } = document;
    const key = keyOf(document);
    const first = seen.get(key);
    if (first) {
      const where = placeText(first);
      throw new DocumentError(
        place,
        `${name === '' ? kind : `${kind} "${name}"`} stands already in ${where}`,
      );
    }
    seen.set(key, place);
  }
  return checked;
}

function check({ place, value, placeOf }: RawDocument): SpecDocument[] {
  if (!isFields(value)) throw new DocumentError(place, 'a map with apiVersion, kind and spec is meant');
  const strange = Object.keys(value).find((key) => !KEYS.includes(key));
  if (strange !== undefined)
    throw new DocumentError(placeOf(strange), `unknown key "${strange}": a document has ${listed(KEYS)}`);
  const { apiVersion, kind: asGiven, spec } = value;
  if (apiVersion !== undefined && apiVersion !== 'v1')
    throw new DocumentError(placeOf('apiVersion'), 'unknown apiVersion: v1 is meant');
  if (typeof asGiven !== 'string')
    throw new DocumentError(placeOf('kind'), `kind is missing: one of ${listed(KINDS)}`);
  const kind = asGiven.toLowerCase();
  if (kind === 'host')
    throw new DocumentError(placeOf('kind'), 'hosts cannot be applied: they enroll by themselves');
  if (!isKind(kind))
    throw new DocumentError(placeOf('kind'), `unknown kind "${asGiven}": ${listed(KINDS)} are known`);
  if (spec === undefined || spec === null) throw new DocumentError(place, `${kind} without a spec`);
  const at = placeOf('spec');
  return kinds[kind](fields(spec, at, 'spec'), at).map((each) => ({ place: at, kind, team: '', ...each }));
}

type Found = Pick<SpecDocument, 'name' | 'spec'> & { readonly team?: string };

const named = (spec: Fields, at: Place): Found[] => [{ name: text(spec, 'name', at), spec }];
const inTeam = (spec: Fields, at: Place): Found[] => {
  const { team } = spec;
  if (team !== undefined && team !== null && typeof team !== 'string')
    throw new DocumentError(at, "spec.team must be a team's name");
  return [{ name: text(spec, 'name', at), team: team ?? '', spec }];
};
const ofScript = (spec: Fields, at: Place): Found[] =>
  inTeam(spec, at).map((found) => ({ ...found, name: `${text(spec, 'script', at)}/${found.name}` }));
const single = (spec: Fields): Found[] => [{ name: '', spec }];

const kinds: Readonly<Record<Kind, (spec: Fields, at: Place) => Found[]>> = {
  query: inTeam,
  policy: inTeam,
  script_instance: ofScript,
  label: named,
  pack: named,
  config: single,
  enroll_secret: single,
  team: (spec, at) => named(fields(spec['team'], at, 'spec.team'), at),
  user_roles: (spec, at) =>
    Object.entries(fields(spec['roles'], at, 'spec.roles')).map(([email, roles]) => ({
      name: email,
      spec: fields(roles, at, `spec.roles of ${email}`),
    })),
};

function fields(value: unknown, at: Place, what: string): Fields {
  if (!isFields(value)) throw new DocumentError(at, `${what} must be a map`);
  return value;
}

function text(spec: Fields, key: string, at: Place): string {
  const value = spec[key];
  if (typeof value === 'string' && value.trim() !== '') return value;
  const numberish = typeof value === 'number' || typeof value === 'boolean' ? ': put it into quotes' : '';
  throw new DocumentError(
    at,
    value === undefined ? `${key} is missing` : `${key} must be a text${numberish}`,
  );
}

function isKind(kind: string): kind is Kind {
  return (KINDS as readonly string[]).includes(kind);
}

function listed(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
