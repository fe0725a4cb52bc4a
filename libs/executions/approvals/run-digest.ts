import { createHash } from 'node:crypto';
import { type ExecutionKind, type RunOptions } from '../execution.entity.js';

/** Everything that an approval is bound to. */
export interface Run {
  readonly kind: ExecutionKind;
  /** Of the script, or of the JSON of argv or shell line. */
  readonly contentSha256: Buffer;
  readonly stdinSha256: Buffer | null;
  /** Arguments, environment, directory, account and what else was asked for. */
  readonly options: RunOptions;
  readonly timeoutSeconds: number;
  /** All its hosts; of `_any`, which may move, the target's text in the options stands for them. */
  readonly hostIds: readonly number[];
}

/** SHA-256 over a form that is the same however JSON orders its keys, and whichever review stands in the options. */
export function digestOfRun({
  kind,
  contentSha256,
  stdinSha256,
  options,
  timeoutSeconds,
  hostIds,
}: Run): Buffer {
  const { review: _review, signed: _signed, ...asked } = options;
  const hosts = options.any === true ? null : [...hostIds].sort((a, b) => a - b);
  const parts = [
    kind,
    contentSha256.toString('hex'),
    stdinSha256?.toString('hex') ?? null,
    ordered(asked),
    timeoutSeconds,
    hosts,
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest();
}

/** The same value with its keys in one order, at every depth. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => [key, ordered(item)]);
}
