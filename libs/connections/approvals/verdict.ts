/** Whose approval something needs. */
export interface Requirement {
  /** What demands it, for people: `connection pg-prod`, `policy two-for-production`. */
  readonly source: string;
  /** E-mails, roles, names of teams: see `keysOfReviewer`. Never empty. */
  readonly reviewers: readonly string[];
  /** So many people, each for another of the reviewers as far as there are several. */
  readonly min_approvals: number;
  /** Those whose approval is enough by itself. */
  readonly force: readonly string[];
}

/** What one person has said. */
export interface Vote {
  readonly approves: boolean;
  /** The reviewers that this person spoke for, when it was said. */
  readonly groups: readonly string[];
}

export type Verdict = 'PENDING' | 'APPROVED' | 'REJECTED';

/** One rejection is enough; an approval has to meet every requirement. */
export function verdictOf(requirements: readonly Requirement[], votes: readonly Vote[]): Verdict {
  if (votes.some(({ approves }) => !approves)) return 'REJECTED';
  return requirements.every((requirement) => isMet(requirement, votes)) ? 'APPROVED' : 'PENDING';
}

/** Whether enough people have approved, and enough of the reviewers have one of these people to themselves. */
export function isMet({ reviewers, min_approvals, force }: Requirement, votes: readonly Vote[]): boolean {
  const approvals = votes.filter(
    ({ approves, groups }) => approves && groups.some((group) => reviewers.includes(group)),
  );
  if (approvals.some(({ groups }) => groups.some((group) => force.includes(group)))) return true;
  const places = Math.min(min_approvals, reviewers.length);
  return approvals.length >= min_approvals && covered(reviewers, approvals) >= places;
}

/** How many of the reviewers can be given a person of their own: the largest matching, by augmenting paths. */
function covered(reviewers: readonly string[], votes: readonly Vote[]): number {
  const taken = new Map<number, string>();
  const find = (reviewer: string, seen: Set<number>): boolean =>
    votes.some(({ groups }, person) => {
      if (seen.has(person) || !groups.includes(reviewer)) return false;
      seen.add(person);
      const before = taken.get(person);
      if (before !== undefined && !find(before, seen)) return false;
      taken.set(person, reviewer);
      return true;
    });
  return reviewers.filter((reviewer) => find(reviewer, new Set())).length;
}
