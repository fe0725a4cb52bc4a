import { z } from 'zod';
import { type PublicKey } from '#libs/protocol/index';
import { type Signed } from './format.js';
import { ChainVerifier, type KnownPlace, type StoredSeal, type Verdict } from './verifier.js';

/*
 * An export: newline JSON. First what it begins with, then the rows of a seal followed by the seal, seal after seal, and at the end
 * what the server signs of where it ends. A row's line is what is hashed, byte for byte.
 */

/** Where an export begins. */
export interface ExportBeginning {
  /** What is forgotten: none, or one. */
  readonly checkpoints: readonly Signed[];
  /** The seal that it goes on after. */
  readonly after: Signed | null;
  /** The server's keys; who verifies should know them from elsewhere. */
  readonly keys: readonly PublicKey[];
}

const text = ({ body, signature }: Signed): { body: string; signature: string } => ({
  body,
  signature: signature.toString('base64'),
});

export function beginningLine({ checkpoints, after, keys }: ExportBeginning): string {
  return JSON.stringify({
    muster_audit_export: 1,
    keys: keys.map(({ id, publicKey }) => ({ id, public_key: publicKey.toString('base64') })),
    checkpoints: checkpoints.map(text),
    after: after && text(after),
  });
}

export function sealLine(stored: StoredSeal): string {
  const { seal, ids, hashes } = stored;
  return JSON.stringify({ seal, ...text(stored), ids: ids.map(Number), hashes: hashes.toString('base64') });
}

export function endLine(end: Signed): string {
  return JSON.stringify({ muster_audit_end: 1, ...text(end) });
}

const base64 = z.string().transform((value) => Buffer.from(value, 'base64'));
const SignedLine = z.object({ body: z.string(), signature: base64 });
const BeginningLine = z.object({
  muster_audit_export: z.literal(1),
  checkpoints: z.array(SignedLine),
  after: SignedLine.nullable(),
});
const SealLine = SignedLine.extend({
  seal: z.number(),
  ids: z.array(z.number().transform(String)),
  hashes: base64,
});
const EndLine = SignedLine.extend({ muster_audit_end: z.literal(1) });

/** A row's details and a seal's hashes are far smaller. */
const MOST_LINE_BYTES = 64 * 1024 * 1024;
/** More rows than any seal has: such a file is no export. */
const MOST_LINES = 100_000;

/** The file is no export, or is damaged; the message says where, for people. */
export class ExportError extends Error {
  override readonly name = 'ExportError';
}

/**
 * Verifies an export, line by line, whatever its size.
 * @param keys trusted public keys
 * @param known places that must be in it
 * @throws ExportError
 */
export async function verifyExport(
  source: AsyncIterable<Buffer>,
  keys: readonly PublicKey[],
  known: readonly KnownPlace[] = [],
): Promise<Verdict> {
  const verifier = new ChainVerifier(keys, known);
  const reading = new ExportReading(verifier);
  let number = 0;
  for await (const line of linesOf(source)) reading.line(line, ++number);
  reading.finish();
  return verifier.verdict();
}

/** Lines end with a line feed and nothing else: what other ends of lines there are may stand in a row. */
async function* linesOf(source: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of source) {
    let from = 0;
    for (let at: number; (at = chunk.indexOf(10, from)) >= 0; from = at + 1) {
      yield Buffer.concat([...parts, chunk.subarray(from, at)]).toString('utf8');
      parts = [];
      size = 0;
    }
    parts.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > MOST_LINE_BYTES)
      throw new ExportError('this is no export of an audit record: its lines do not end');
  }
  if (size > 0) yield Buffer.concat(parts).toString('utf8');
}

class ExportReading {
  private begun = false;
  private end: Signed | null = null;
  private lines = new Map<string, string>();

  constructor(private readonly verifier: ChainVerifier) {}

  line(line: string, number: number): void {
    if (line === '') return;
    if (this.end) throw new ExportError(`line ${number}: there is more behind its end`);
    if (!this.begun) this.begin(line);
    else if (line.startsWith('{"seal":')) this.seal(line, number);
    else if (line.startsWith('{"muster_audit_end":')) this.end = parsed(EndLine, line, number);
    else this.row(line, number);
  }

  finish(): void {
    if (!this.begun) throw new ExportError('the file is empty');
    for (const id of this.lines.keys()) this.verifier.added(id);
    this.verifier.end(this.end);
  }

  private begin(line: string): void {
    const { checkpoints, after } = parsed(BeginningLine, line, 1);
    if (after) this.verifier.beginAfter(after);
    else this.verifier.begin(checkpoints);
    this.begun = true;
  }

  private seal(line: string, number: number): void {
    const stored = parsed(SealLine, line, number);
    this.verifier.seal(stored, this.lines);
    for (const id of stored.ids) this.lines.delete(id);
    for (const id of this.lines.keys()) this.verifier.added(id);
    this.lines = new Map();
  }

  private row(line: string, number: number): void {
    const id = /^\{"id":(\d{1,16}),/.exec(line)?.[1];
    if (id === undefined || this.lines.size >= MOST_LINES)
      throw new ExportError(`line ${number}: neither a row of the audit record nor a seal`);
    // Whichever of two stands here is compared; the other one was put in.
    if (this.lines.has(id)) this.verifier.doubled(id);
    this.lines.set(id, line);
  }
}

function parsed<T>(schema: z.ZodType<T>, line: string, number: number): T {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new ExportError(`line ${number} is not JSON: the export is damaged`);
  }
  const result = schema.safeParse(value);
  if (!result.success)
    throw new ExportError(
      number === 1
        ? 'this is no export of an audit record (muster audit export)'
        : `line ${number} is not what an export holds there: it is damaged`,
    );
  return result.data;
}
