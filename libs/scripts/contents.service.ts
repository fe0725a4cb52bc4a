import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '#libs/platform/database/index';

const SQL = {
  put: {
    name: 'content_put',
    text: 'INSERT INTO contents (sha256, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING',
  },
  // In one order, so that two of them never wait for each other.
  putAll: {
    name: 'content_put_all',
    text: `INSERT INTO contents (sha256, bytes) SELECT * FROM unnest($1::bytea[], $2::bytea[]) AS given(sha256, bytes)
           ORDER BY sha256 ON CONFLICT DO NOTHING`,
  },
  get: { name: 'content_get', text: 'SELECT bytes FROM contents WHERE sha256 = $1' },
};

/** Bytes of the contents that were asked for last, kept at hand: they never change under their hash. */
const CACHE_BYTES = 16 * 1024 * 1024;

/** The name that bytes are kept under. */
export function digestOfContent(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** Content-addressed store: scripts, argument vectors, standard input. */
@Injectable()
export class ContentsService {
  private readonly cache = new Map<string, Buffer>();
  private cached = 0;

  constructor(private readonly database: Database) {}

  /** Keeps the bytes and returns their SHA-256. */
  async put(tx: Transaction, bytes: Buffer): Promise<Buffer> {
    const sha256 = digestOfContent(bytes);
    await tx.query(SQL.put, [sha256, bytes]);
    return sha256;
  }

  /** The same for many at once. */
  async putAll(tx: Transaction, all: readonly Buffer[]): Promise<void> {
    await tx.query(SQL.putAll, [all.map(digestOfContent), all]);
  }

  /** @throws Error when nothing is kept under this hash: the ledger would be broken */
  async get(sha256: Buffer): Promise<Buffer> {
    const key = sha256.toString('hex');
    const hit = this.cache.get(key);
    if (hit) {
      this.cache.delete(key);
      this.cache.set(key, hit);
      return hit;
    }
    const [row] = await this.database.query<{ bytes: Buffer }>(SQL.get, [sha256]);
    if (!row) throw new Error(`content ${key} is missing`);
    this.remember(sha256, row.bytes);
    return row.bytes;
  }

  /** Has the bytes at hand for a while: whoever has just stored them will be asked for them at once. */
  remember(sha256: Buffer, bytes: Buffer): void {
    const key = sha256.toString('hex');
    if (bytes.length > CACHE_BYTES / 4 || this.cache.has(key)) return;
    this.cache.set(key, bytes);
    this.cached += bytes.length;
    for (const [oldest, old] of this.cache) {
      if (this.cached <= CACHE_BYTES) break;
      this.cache.delete(oldest);
      this.cached -= old.length;
    }
  }
}
