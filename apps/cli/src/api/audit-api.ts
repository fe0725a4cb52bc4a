import { type IncomingMessage } from 'node:http';
import { type HttpClient } from '../http/http-client.js';
import { boolean, list, number, optional, readAnswer, record, string } from './read.js';

export interface AuditFilter {
  readonly act?: string;
  readonly outcome?: string;
  readonly user?: string;
  readonly host?: number;
  readonly execution?: string;
  readonly since?: string;
  readonly until?: string;
}

export interface AuditEntry {
  readonly id: number;
  readonly at: string;
  readonly who: string;
  readonly act: string;
  readonly outcome: string;
  readonly details: string;
  readonly raw: unknown;
}

/** What verifying came to, by a server or here. */
export interface AuditVerdict {
  readonly ok: boolean;
  readonly rows: number;
  readonly seals: number;
  readonly problems: readonly string[];
  readonly problemCount: number;
  readonly sealedLate: number;
  readonly firstSealedLate: number | undefined;
  readonly firstPosition: number;
  readonly end: { readonly seal: number; readonly digest: string };
  readonly lastSealedAt: string | undefined;
  readonly raw: unknown;
}

/** Where the record ends, and the keys that it is signed with. */
export interface AuditHead {
  readonly seal: number;
  readonly digest: string;
  readonly keys: readonly { readonly id: string; readonly publicKey: string }[];
  readonly raw: unknown;
}

/** The server's time limit for this is the size of the record. */
const VERIFY_TIMEOUT_MS = 3_600_000;
const MOST_PER_PAGE = 1_000;

export class AuditApi {
  constructor(private readonly http: HttpClient) {}

  /** Newest first, at most so many, page by page. */
  async *entries(filter: AuditFilter, limit: number): AsyncGenerator<AuditEntry> {
    let left = limit;
    for (let after: number | undefined; left > 0;) {
      const { host, ...rest } = filter;
      const query = {
        ...rest,
        host: host?.toString(),
        limit: String(Math.min(left, MOST_PER_PAGE)),
        after: after?.toString(),
      };
      const answer = await this.http.json('GET', '/api/v1/audit', { query });
      const page = this.read(() => readPage(answer));
      yield* page.entries;
      left -= page.entries.length;
      if (page.next === undefined) return;
      after = page.next;
    }
  }

  async head(): Promise<AuditHead> {
    const answer = await this.http.json('GET', '/api/v1/audit/head');
    return this.read(() => readHead(answer));
  }

  /** @param head a place that must be in the record: `57:3f2a…` */
  async verify(head: string | undefined): Promise<AuditVerdict> {
    const call = { query: { head }, timeoutMs: VERIFY_TIMEOUT_MS };
    const answer = await this.http.json('GET', '/api/v1/audit/verify', call);
    return this.read(() => readVerdict(answer));
  }

  /** @param after the seal that it goes on after */
  export(after: number | undefined): Promise<IncomingMessage> {
    return this.http.send('GET', '/api/v1/audit/export', { query: { after: after?.toString() } });
  }

  private read<T>(reading: () => T): T {
    return readAnswer(this.http.url, reading);
  }
}

function readPage(answer: unknown): { entries: AuditEntry[]; next: number | undefined } {
  const { entries, next } = record(answer, 'answer');
  return { entries: list(entries, readEntry, 'entries'), next: optional(next, number, 'next') };
}

function readEntry(value: unknown, at: string): AuditEntry {
  const entry = record(value, at);
  const email = optional(entry.email, string, `${at}.email`);
  const address = optional(entry.address, string, `${at}.address`);
  return {
    id: number(entry.id, `${at}.id`),
    at: string(entry.at, `${at}.at`),
    who: [email, address].filter((part) => part).join(' from '),
    act: string(entry.act, `${at}.act`),
    outcome: string(entry.outcome, `${at}.outcome`),
    details: JSON.stringify(record(entry.details, `${at}.details`)),
    raw: value,
  };
}

function readHead(answer: unknown): AuditHead {
  const { seal, digest, keys } = record(answer, 'answer');
  return {
    seal: number(seal, 'seal'),
    digest: string(digest, 'digest'),
    keys: list(
      keys,
      (value, at) => {
        const key = record(value, at);
        return { id: string(key.id, `${at}.id`), publicKey: string(key.public_key, `${at}.public_key`) };
      },
      'keys',
    ),
    raw: answer,
  };
}

/** A verdict as the server answers it, and as verifying here gives it. */
export function readVerdict(answer: unknown): AuditVerdict {
  const verdict = record(answer, 'answer');
  const end = record(verdict.end, 'end');
  return {
    ok: boolean(verdict.ok, 'ok'),
    rows: number(verdict.rows, 'rows'),
    seals: number(verdict.seals, 'seals'),
    problems: list(
      verdict.problems,
      (value, at) => string(record(value, at).message, `${at}.message`),
      'problems',
    ),
    problemCount: number(verdict.problem_count, 'problem_count'),
    sealedLate: number(verdict.sealed_late, 'sealed_late'),
    firstSealedLate: optional(verdict.first_sealed_late, number, 'first_sealed_late'),
    firstPosition: number(verdict.first_position, 'first_position'),
    end: { seal: number(end.seal, 'end.seal'), digest: string(end.digest, 'end.digest') },
    lastSealedAt: optional(verdict.last_sealed_at, string, 'last_sealed_at'),
    raw: answer,
  };
}
