import { type Fields, isFields, type Kind, keyOf } from './document.js';
import { type Change } from './plan.js';

/** What applying some changes will add, by what other changes call it. */
export class Additions {
  private readonly byKey: ReadonlyMap<string, Change>;

  constructor(changes: readonly Change[]) {
    // Names mean what belongs to no team.
    const added = changes.filter(({ change, team }) => change === 'added' && team === '');
    this.byKey = new Map(added.map((each) => [keyOf(each), each]));
  }

  /** Those that a change speaks of, and that have to be there before it. */
  neededBy(change: Change): Change[] {
    if (this.byKey.size === 0) return [];
    return needsOf(change).flatMap(([kind, name]) => this.byKey.get(keyOf({ kind, name, team: '' })) ?? []);
  }
}

type Need = readonly [kind: Kind, name: string];

function needsOf({ kind, spec, team }: Change): Need[] {
  const teams = team === '' ? [] : named('team', [team]);
  switch (kind) {
    case 'query':
      return [...teams, ...named('label', spec['labels_include_any'])];
    case 'policy':
      return [
        ...teams,
        ...named('label', spec['labels_include_any']),
        ...named('label', spec['labels_exclude_any']),
      ];
    case 'script_instance':
      return [...teams, ...named('label', spec['labels'])];
    case 'pack': {
      const targets = isFields(spec['targets']) ? spec['targets'] : {};
      return [
        ...named('label', targets['labels']),
        ...named('team', targets['teams']),
        ...named(
          'query',
          maps(spec['queries']).map(({ query }) => query),
        ),
      ];
    }
    case 'user_roles':
      return named(
        'team',
        maps(spec['teams']).map((each) => each['team']),
      );
    case 'label':
    case 'config':
    case 'enroll_secret':
    case 'team':
      return [];
  }
}

function named(kind: Kind, names: unknown): Need[] {
  const list = Array.isArray(names) ? (names as unknown[]) : [];
  return list.flatMap((name): Need[] => (typeof name === 'string' ? [[kind, name]] : []));
}

function maps(value: unknown): Fields[] {
  return (Array.isArray(value) ? (value as unknown[]) : []).filter(isFields);
}
