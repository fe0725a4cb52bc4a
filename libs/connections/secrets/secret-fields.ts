import { DomainError, type FieldProblem } from '#libs/platform/errors/index';

/** What answers show in place of a secret; written back it means that the secret stays. */
export const SECRET_MASK = '********';

/** Of one connection: Linux takes 128 KiB per variable, and an order to an agent is one message. */
const MAX_TOTAL_BYTES = 256 * 1024;
const MAX_VARIABLE_BYTES = 64 * 1024;
const MAX_SECRETS = 100;

const NAME = /^(envvar|filesystem):([A-Za-z_][A-Za-z0-9_]{0,127})$/;

export interface SecretChanges {
  readonly set: ReadonlyMap<string, Buffer>;
  readonly removed: readonly string[];
}

/** The kind of a secret and the variable that it becomes. */
export function partsOf(name: string): { kind: 'envvar' | 'filesystem'; variable: string } | null {
  const [, kind, variable] = NAME.exec(name) ?? [];
  return variable === undefined ? null : { kind: kind === 'envvar' ? kind : 'filesystem', variable };
}

/**
 * What a body's `secret` asks for: names → base64, null removes, the mask (and what is left out) stays.
 * @param known names of those that the connection has
 * @throws DomainError invalid, naming the secret and never quoting it
 */
export function readSecrets(
  given: Readonly<Record<string, unknown>>,
  known: ReadonlySet<string>,
): SecretChanges {
  const problems: FieldProblem[] = [];
  const complain = (name: string, reason: string): void => {
    const field = name.length > 150 ? 'secret' : `secret ${name}`;
    problems.push({ name: 'secret', reason: `${field} ${reason}` });
  };
  const set = new Map<string, Buffer>();
  const removed: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    const parts = partsOf(name);
    if (parts === null) {
      complain(name, 'must be named envvar:NAME or filesystem:NAME (letters, digits, underscores)');
    } else if (parts.variable.startsWith('MUSTER_')) {
      complain(name, 'must not begin with MUSTER_: those variables are set by the server');
    } else if (value === null) {
      removed.push(name);
    } else if (value === SECRET_MASK) {
      if (!known.has(name)) complain(name, 'has no value yet that could stay');
    } else {
      const secret = typeof value === 'string' ? fromBase64(value) : null;
      if (secret === null) complain(name, 'must be base64');
      else if (parts.kind === 'envvar' && secret.includes(0))
        complain(name, 'must not hold a NUL: no variable can');
      else if (parts.kind === 'envvar' && secret.length > MAX_VARIABLE_BYTES)
        complain(name, `must have at most ${MAX_VARIABLE_BYTES} bytes; filesystem:NAME may hold more`);
      else set.set(name, secret);
    }
  }
  const total = [...set.values()].reduce((sum, { length }) => sum + length, 0);
  if (total > MAX_TOTAL_BYTES) complain('', `must have at most ${MAX_TOTAL_BYTES} bytes altogether`);
  const names = new Set([...known, ...set.keys()]);
  for (const name of removed) names.delete(name);
  if (names.size > MAX_SECRETS) complain('', `must hold at most ${MAX_SECRETS} entries`);
  for (const name of names) {
    const variable = partsOf(name)?.variable ?? '';
    if (name.startsWith('filesystem:') && names.has(`envvar:${variable}`))
      complain(name, `and envvar:${variable} would be the same variable`);
  }
  if (problems.length > 0) throw new DomainError('invalid', problems);
  return { set, removed: removed.filter((name) => known.has(name)) };
}

/** null: it is none. */
function fromBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}
