import { type CliError } from '../errors.js';
import { type Io } from '../terminal/io.js';
import { type Column, renderTable } from '../terminal/table.js';
import { type Applied, type Step, type Unchecked } from './apply-plan.js';
import { type Kind, titleOf } from './document.js';
import { type Change } from './plan.js';

/* What `muster apply` says. Values are not among it, as some are secrets: fields are named. */

export interface Outcome extends Applied {
  readonly changes: readonly Change[];
  readonly unchecked: readonly Unchecked[];
  /** Set: the server refused something before anything was changed. */
  readonly error?: CliError;
}

const columns: readonly Column[] = [
  { title: 'KIND' },
  { title: 'NAME', least: 16 },
  { title: 'CHANGE', least: 12 },
];

const words: Readonly<Record<Kind, readonly [one: string, many: string]>> = {
  query: ['1 query', 'queries'],
  label: ['1 label', 'labels'],
  pack: ['1 pack', 'packs'],
  config: ['config', 'configs'],
  enroll_secret: ['enroll_secret', 'enroll_secrets'],
  team: ['1 team', 'teams'],
  policy: ['1 policy', 'policies'],
  script_instance: ['1 script instance', 'script instances'],
  user_roles: ["1 user's roles", "users' roles"],
};

/** Every change, for people. */
export function tableOf(io: Io, changes: readonly Change[]): string {
  return renderTable(
    io,
    columns,
    changes.map((change) => [change.kind, titleOf(change), changeText(change)]),
  );
}

/** The same for programs. */
export function outcomeJson(
  { changes, unchecked, done, failure, left, error }: Outcome,
  dryRun: boolean,
): Record<string, unknown> {
  const names = (steps: readonly Step[]): unknown[] => steps.flatMap((step) => step.changes.map(named));
  const failed = failure ? names([failure.step]) : [];
  const said = failure?.error ?? error;
  return {
    dry_run: dryRun,
    changes: changes.map((each) => ({ ...named(each), change: each.change, fields: each.fields })),
    unchecked: unchecked.map(({ change, needs }) => ({ ...named(change), needs: named(needs) })),
    applied: names(done),
    not_applied: [...(failure?.refused ? failed : []), ...names(left)],
    not_known: failure?.refused === false ? failed : [],
    ...(said && { error: said.message }),
  };
}

/** `applied before: 2 queries; not applied: 1 policy`. */
export function whatBecame({ done, failure, left }: Applied): string {
  const list = (steps: readonly Step[]): string => steps.map(counted).join(', ');
  const failed = failure ? [failure.step] : [];
  const not = [...(failure?.refused ? failed : []), ...left];
  return [
    `applied before: ${list(done) || 'nothing'}`,
    ...(not.length > 0 ? [`not applied: ${list(not)}`] : []),
    ...(failure?.refused === false ? [`applied or not: ${list(failed)}`] : []),
  ].join('; ');
}

export function counted({ kind, changes }: Step): string {
  const [one, many] = words[kind];
  return changes.length === 1 ? one : `${changes.length} ${many}`;
}

export function described(change: Change): string {
  return change.name === '' ? change.kind : `${change.kind} "${titleOf(change)}"`;
}

function changeText({ change, fields }: Change): string {
  return change === 'changed' && fields.length > 0 ? `changed (${fields.join(', ')})` : change;
}

function named({ kind, name, team }: Change): Record<string, string> {
  return { kind, ...(name !== '' && { name }), ...(team !== '' && { team }) };
}
