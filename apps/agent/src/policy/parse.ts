import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';
import { type z } from 'zod';
import { AgentPolicy } from './agent-policy.js';

/** Something in a policy that is wrong, where, and in which field. */
export class PolicyError extends Error {
  constructor(
    readonly line: number,
    /** As in `commands.allow[2]`; empty: the file as a whole. */
    readonly field: string,
    readonly why: string,
  ) {
    super(`line ${line}: ${field === '' ? '' : `${field}: `}${why}`);
  }
}

/** More than anybody writes. */
const MAX_CHARACTERS = 1024 * 1024;
const require = createRequire(import.meta.url);

/**
 * Reads a policy.
 * @throws PolicyError with the first thing that is wrong
 */
export function parsePolicy(text: string): AgentPolicy {
  if (text.length > MAX_CHARACTERS) throw new PolicyError(1, '', 'the file is larger than 1 MiB');
  const { parseDocument, LineCounter } = yaml();
  const lines = new LineCounter();
  const document = parseDocument(text, { schema: 'core', prettyErrors: false, lineCounter: lines });
  const lineAt = (offset: number): number => Math.max(1, lines.linePos(offset).line);
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw new PolicyError(lineAt(problem.pos[0]), '', explain(problem));
  const value: unknown = plain(document);
  // Nothing at all is rather a file that was cut than an operator who allows everything.
  if (value === null || value === undefined)
    throw new PolicyError(1, '', 'the file is empty (a policy that allows everything is written {})');
  const parsed = AgentPolicy.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue === undefined) throw new PolicyError(1, '', 'it is no policy');
  throw errorOf(issue, value, (path) => lineAt(offsetOf(document, path)));
}

/** Loaded when there is a policy: most agents have none, and every module costs them memory. */
function yaml(): typeof Yaml {
  return require('yaml') as typeof Yaml;
}

function plain(document: Yaml.Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new PolicyError(1, '', error instanceof Error ? error.message : String(error));
  }
}

function explain({ code, message }: { readonly code: string; readonly message: string }): string {
  if (code === 'TAB_AS_INDENT') return 'a tab stands before the text: YAML is indented by spaces';
  if (code === 'DUPLICATE_KEY') return 'a key stands here twice';
  return `not YAML: ${message.split('\n')[0] ?? ''}`;
}

function errorOf(
  issue: z.core.$ZodIssue,
  value: unknown,
  lineOf: (path: readonly PropertyKey[]) => number,
): PolicyError {
  if (issue.code === 'unrecognized_keys') {
    const path = [...issue.path, issue.keys[0] ?? ''];
    return new PolicyError(lineOf(path), fieldOf(path), 'there is no such setting');
  }
  const why = isMissing(value, issue.path) ? 'is missing' : issue.message;
  return new PolicyError(lineOf(issue.path), fieldOf(issue.path), why);
}

function isMissing(value: unknown, path: readonly PropertyKey[]): boolean {
  let found = value;
  for (const key of path) found = (found as Record<PropertyKey, unknown> | null | undefined)?.[key];
  return found === undefined;
}

function fieldOf(path: readonly PropertyKey[]): string {
  return path
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i === 0 ? '' : '.'}${String(key)}`))
    .join('');
}

/** Where the key of a field stands; of one that is missing, where what should have it begins. */
function offsetOf(document: Yaml.Document.Parsed, path: readonly PropertyKey[]): number {
  const { isMap, isScalar, isSeq, isNode } = yaml();
  let node: unknown = document.contents;
  let offset = document.contents?.range[0] ?? 0;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((each) => isScalar(each.key) && String(each.key.value) === String(key));
      if (pair === undefined) return offset;
      offset = (pair.key as Yaml.Scalar).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof key === 'number') {
      node = node.items[key];
      if (isNode(node)) offset = node.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}
