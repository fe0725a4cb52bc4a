import {
  closeSync,
  existsSync,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';

const rotateAt = 32 * 1024 * 1024;
const tailBytes = 64 * 1024;

/** Where a child's log lines go; knows what this run has added to it. */
export class LogFile {
  readonly descriptor: number;
  private begin: number;

  /** Appends; what has grown large by earlier runs moves aside first. */
  constructor(readonly path: string) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (existsSync(path) && statSync(path).size > rotateAt) renameSync(path, `${path}.1`);
    this.descriptor = openSync(path, 'a+', 0o600);
    fchmodSync(this.descriptor, 0o600);
    this.begin = fstatSync(this.descriptor).size;
  }

  /** What follows belongs to a new process. */
  mark(): void {
    this.begin = fstatSync(this.descriptor).size;
  }

  /** The last lines since the mark, for people: each one's message rather than its JSON. */
  lastLines(count: number): string[] {
    const { size } = fstatSync(this.descriptor);
    const from = Math.max(this.begin, size - tailBytes);
    const buffer = Buffer.alloc(size - from);
    const length = readSync(this.descriptor, buffer, 0, buffer.length, from);
    return buffer
      .toString('utf8', 0, length)
      .split('\n')
      .filter((text) => text.trim() !== '')
      .slice(-count)
      .map(readableLogLine);
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

/** `{"level":"error","msg":"…","err":{"message":"…"}}` → `error: … (…)`; other text stays as it is. */
export function readableLogLine(text: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return text;
  }
  if (typeof parsed !== 'object' || parsed === null) return text;
  const fields = parsed as Record<string, unknown>;
  const message = asText(fields['msg']) ?? asText(fields['message']);
  if (message === undefined) return text;
  const cause = fields['err'] ?? fields['error'];
  const because = asText(cause) ?? asText((cause as { message?: unknown } | null | undefined)?.message);
  const level = asText(fields['level']);
  const prefix = level === 'error' || level === 'warn' || level === 'fatal' ? `${level}: ` : '';
  return `${prefix}${message}${because && !message.includes(because) ? ` (${because})` : ''}`;
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
