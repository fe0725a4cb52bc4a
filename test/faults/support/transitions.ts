import pg from 'pg';
import { FIRST_STATES, isFinal, TRANSITIONS, type TargetState } from '#libs/executions/states';

/** One change of a target's state, as the database saw it commit. */
export interface Transition {
  readonly uuid: string;
  readonly was: TargetState | null;
  readonly now: TargetState;
  readonly attemptWas: string | null;
  readonly attempt: string | null;
}

/*
 * A trigger writes down every change, in the transaction that makes it: nothing is missed between two looks, and
 * what was rolled back is not seen. It writes as whoever made it: the server may not own it. Any touch of a row that is final counts, also one that leaves the state as it is.
 */
const RECORDER = [
  `CREATE TABLE seen_transitions (n bigint GENERATED ALWAYS AS IDENTITY, uuid uuid, was text, now text, attempt_was uuid, attempt uuid)`,
  `CREATE FUNCTION see_transition() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
   BEGIN
     IF TG_OP = 'INSERT' THEN
       INSERT INTO seen_transitions (uuid, was, now, attempt) VALUES (NEW.uuid, NULL, NEW.state, NEW.attempt_id);
     ELSIF OLD.state <> NEW.state OR OLD.attempt_id IS DISTINCT FROM NEW.attempt_id OR OLD.finished_at IS NOT NULL THEN
       INSERT INTO seen_transitions (uuid, was, now, attempt_was, attempt) VALUES (OLD.uuid, OLD.state, NEW.state, OLD.attempt_id, NEW.attempt_id);
     END IF;
     RETURN NULL;
   END $$`,
  `CREATE TRIGGER see_transition AFTER INSERT OR UPDATE ON targets FOR EACH ROW EXECUTE FUNCTION see_transition()`,
];

/** From now on the database records each change of a target's state. */
export async function recordTransitions(databaseUrl: string): Promise<void> {
  await inDatabase(databaseUrl, async (client) => {
    for (const statement of RECORDER) await client.query(statement);
  });
}

/** What was recorded, in order. */
export function seenTransitions(databaseUrl: string): Promise<Transition[]> {
  return inDatabase(databaseUrl, async (client) => {
    const { rows } = await client.query<Transition>(
      `SELECT uuid, was, now, attempt_was AS "attemptWas", attempt FROM seen_transitions ORDER BY n`,
    );
    return rows;
  });
}

/** What is wrong with these changes, in words; an empty list when they all follow `TRANSITIONS`. */
export function unlawful(transitions: readonly Transition[]): string[] {
  const wrong: string[] = [];
  const endings = new Map<string, number>();
  for (const { uuid, was, now, attemptWas, attempt } of transitions) {
    const say = (what: string): number => wrong.push(`${uuid}: ${was ?? 'nothing'} → ${now}: ${what}`);
    if (was === null ? !FIRST_STATES.includes(now) : was === now)
      say(was === now && isFinal(now) ? 'touched after its end' : 'no lawful beginning or step');
    else if (was !== null && !TRANSITIONS[was].includes(now)) say('forbidden');
    if (attemptWas !== null && attemptWas !== attempt) say('a second attempt');
    if (attemptWas === null && attempt !== null && now !== 'dispatched') say('an attempt without a dispatch');
    if (isFinal(now) && was !== now) endings.set(uuid, (endings.get(uuid) ?? 0) + 1);
  }
  for (const [uuid, count] of endings) if (count > 1) wrong.push(`${uuid}: ended ${count} times`);
  return wrong;
}

/** Every transition of this database so far is lawful. */
export async function expectLawfulTransitions(databaseUrl: string): Promise<Transition[]> {
  const transitions = await seenTransitions(databaseUrl);
  expect(transitions.length).toBeGreaterThan(0);
  expect(unlawful(transitions)).toEqual([]);
  return transitions;
}

/** What somebody who only looks now and then sees: states may be skipped, an end must stay. */
export class PolledStates {
  private readonly last = new Map<string, TargetState>();
  readonly wrong: string[] = [];
  looks = 0;

  see(uuid: string, now: TargetState): void {
    this.looks += 1;
    const was = this.last.get(uuid);
    this.last.set(uuid, now);
    if (was === undefined || was === now) return;
    if (!reachable(was).has(now)) this.wrong.push(`${uuid}: ${was} was seen, and later ${now}`);
  }
}

function reachable(from: TargetState): Set<TargetState> {
  const found = new Set<TargetState>();
  const ahead = [...TRANSITIONS[from]];
  for (let state = ahead.pop(); state !== undefined; state = ahead.pop()) {
    if (found.has(state)) continue;
    found.add(state);
    ahead.push(...TRANSITIONS[state]);
  }
  return found;
}

/** One connection of one's own for a moment. */
export async function inDatabase<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined); // the statement under way reports it
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** How many statements wait for a lock in this client's database; works inside of its own transaction too. */
export async function waitingForLocks(client: pg.Client): Promise<number> {
  // PostgreSQL keeps its first answer until the transaction ends.
  await client.query('SELECT pg_stat_clear_snapshot()');
  const { rows } = await client.query(
    `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return rows.length;
}
