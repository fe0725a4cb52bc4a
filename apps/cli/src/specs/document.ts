import { UsageError } from '../errors.js';

/** What a document can be, in the order in which kinds are applied. `host` is only ever printed. */
export const KINDS = [
  'query',
  'label',
  'pack',
  'config',
  'enroll_secret',
  'team',
  'policy',
  'script_instance',
  'user_roles',
] as const;
export type Kind = (typeof KINDS)[number];

/** What the API calls them where it takes many. */
export const LISTS = {
  query: 'queries',
  label: 'labels',
  pack: 'packs',
  team: 'teams',
  policy: 'policies',
  script_instance: 'script_instances',
} as const;
export type ListedKind = keyof typeof LISTS;

export function isListed(kind: Kind): kind is ListedKind {
  return kind in LISTS;
}

export type Fields = Readonly<Record<string, unknown>>;

/** Where something was read. */
export interface Place {
  /** As it was given; `standard input` for a pipe. */
  readonly file: string;
  /** From 1, in the file. */
  readonly document: number;
  /** From 1, in the file. */
  readonly line: number;
}

/** One object of the fleet as a file holds it. */
export interface SpecDocument {
  readonly place: Place;
  readonly kind: Kind;
  /** Empty: there is only one of its kind. Of a script instance: its script's and its own, `backup.sh/nightly`. */
  readonly name: string;
  /** Of queries and policies: the team's name; empty: for all hosts. */
  readonly team: string;
  /** As the API takes it: of a team, what stands under `team`. */
  readonly spec: Fields;
}

/** `fleet.yml: document 2, line 7`. */
export function placeText({ file, document, line }: Place): string {
  return `${file}: document ${document}, line ${line}`;
}

/** What keeps files from being applied, in one line that says where. */
export class DocumentError extends UsageError {
  constructor(place: Place, what: string) {
    super(`${placeText(place)}: ${what}`);
  }
}

/** How an object is called towards people: `uptime (team Web)`. */
export function titleOf({ name, team }: { readonly name: string; readonly team: string }): string {
  return team === '' ? name : `${name} (team ${team})`;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Names that are the same to the server have the same identity. */
export function identity(name: string): string {
  return name.normalize('NFC').trim().toLowerCase();
}

/** The same for the same object, however its name is written. */
export function keyOf({
  kind,
  name,
  team,
}: {
  readonly kind: string;
  readonly name: string;
  readonly team: string;
}): string {
  return JSON.stringify([kind, identity(team), identity(name)]);
}

/**
 * What the server says about `specs[2]`, with the place where that stands.
 * @param list what the documents are called towards the server
 */
export function withPlace(message: string, list: string, documents: readonly SpecDocument[]): string {
  const [, name, index] = /\b(\w+)\[(\d+)\]/.exec(message) ?? [];
  const document = name === list ? documents[Number(index)] : undefined;
  return document ? `${message}, ${placeText(document.place)}` : message;
}
