import { type Review, type Session } from '../api/session-shapes.js';
import { describeDuration } from '../output/outcome.js';

/** What a session does now, and for how long it has been watched; for a line that is replaced. */
export function describeState({ state, agent, connection }: Session, ms: number): string {
  const after = ms < 1000 ? '' : ` (${describeDuration(Math.floor(ms / 1000) * 1000)})`;
  switch (state) {
    case 'queued':
    case 'dispatched':
      return `waiting for ${agent || connection}…${after}`;
    case 'terminating':
      return `ending on ${agent}…${after}`;
    default:
      return `${state.replaceAll('_', ' ')} on ${agent || connection}…${after}`;
  }
}

/** `dba and ann@example.com (1 of 2)`: whose word is missing. */
export function describeNeeds({ requirements }: Review): string {
  const open = requirements.filter(({ met }) => !met);
  return open
    .map(({ reviewers, approvals, needed }) => {
      const names = [reviewers.slice(0, -1).join(', '), ...reviewers.slice(-1)].filter((name) => name !== '');
      return `${names.join(needed < reviewers.length ? ' or ' : ' and ')} (${approvals} of ${needed})`;
    })
    .join('; ');
}

/** Why a review did not become a run, for people; undefined: it may yet. */
export function describeRefusal({ status, votes, reason }: Review): string | undefined {
  if (status !== 'REJECTED' && status !== 'REVOKED') return undefined;
  const by = votes.find((vote) => vote.status === 'REJECTED')?.by;
  const who = status === 'REJECTED' && by ? ` by ${by}` : '';
  return `${status.toLowerCase()}${who}${reason === undefined ? '' : `: ${reason}`}`;
}
