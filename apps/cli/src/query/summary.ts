import { type CampaignHost } from '../api/campaign-shapes.js';
import { amount } from './standing.js';

/** Names in one line. */
const NAMED = 20;

/** States without an answer, in the order in which they are told, and what is said of them. */
const WITHOUT_ANSWER: readonly (readonly [state: string, words: string])[] = [
  ['error', 'failed'],
  ['timed_out', 'timed out'],
  ['killed', 'stopped'],
  ['denied', 'denied'],
  ['pending', 'no answer yet'],
  ['offline', 'offline'],
];

export interface Summary {
  /** For people: how many hosts stand where, then the names of those whose answer is missing. */
  readonly lines: string[];
  /** Somebody answered, and nobody who was online did not. */
  readonly good: boolean;
}

/** How a live query ended, by its hosts. */
export function summarize(hosts: readonly CampaignHost[]): Summary {
  const answered = hosts.filter(({ state }) => state === 'answered');
  const empty = answered.filter(({ rows }) => rows === 0).length;
  const groups = WITHOUT_ANSWER.map(([state, words]) => ({
    state,
    words,
    names: hosts.filter((host) => host.state === state).map(({ name }) => name),
  })).filter(({ names }) => names.length > 0);
  const counts = [
    `${amount(answered.length)} of ${amount(hosts.length)} hosts answered${empty > 0 ? ` (${amount(empty)} without rows)` : ''}`,
    ...groups.map(({ words, names }) => `${amount(names.length)} ${words}`),
  ];
  return {
    lines: [
      counts.join(', '),
      // Errors were told when they came.
      ...groups
        .filter(({ state }) => state !== 'error')
        .map(({ words, names }) => `${words}: ${listed(names)}`),
    ],
    good: answered.length > 0 && groups.every(({ state }) => state === 'offline'),
  };
}

function listed(names: readonly string[]): string {
  const more = names.length - NAMED;
  return names.slice(0, NAMED).join(', ') + (more > 0 ? ` and ${amount(more)} more` : '');
}
