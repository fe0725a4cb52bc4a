import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { type DataSource } from 'typeorm';
import { type PublicKey, publicKeyId, rawPublicKey } from '#libs/protocol/index';
import { connectDatabase, Database, dataSourceOptions } from '../database/index.js';
import { Signer } from '../signing/index.js';
import { type KnownPlace, parseBody, placeAfter, type Verdict } from '../audit/chain/index.js';
import { type Queries } from '../audit/record/chain.repository.js';
import { Sealer } from '../audit/record/sealer.js';
import { verifyRecord } from '../audit/record/verify-record.js';

/** A signer with a key of its own. */
export class TestSigner extends Signer {
  private readonly key = generateKeyPairSync('ed25519').privateKey;
  private readonly publicKey = rawPublicKey(this.key) ?? Buffer.alloc(0);
  readonly keyId = publicKeyId(this.publicKey);

  sign(bytes: Uint8Array): Buffer {
    return sign(null, bytes, this.key);
  }

  publicKeys(): readonly PublicKey[] {
    return [{ id: this.keyId, publicKey: this.publicKey }];
  }
}

/** A database with an audit record, and what seals it. */
export class ChainWorld {
  readonly signer = new TestSigner();
  readonly sealer: Sealer;

  private constructor(
    readonly database: Database,
    private readonly dataSource: DataSource,
    private readonly drop: () => Promise<void>,
  ) {
    this.sealer = new Sealer(database, this.signer);
  }

  /** @param empty a fresh database, dropped at the end */
  static async over(empty: { readonly url: string; drop(): Promise<void> }): Promise<ChainWorld> {
    const dataSource = await connectDatabase(dataSourceOptions(empty.url, []));
    return new ChainWorld(new Database(dataSource), dataSource, () => empty.drop());
  }

  /** Another server, with another key, on the same record. Nothing of it has to be stopped. */
  static beside({ database, dataSource }: ChainWorld): ChainWorld {
    return new ChainWorld(database, dataSource, () => Promise.resolve());
  }

  async stop(): Promise<void> {
    await this.dataSource.destroy();
    await this.drop();
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- rows of every shape
  sql(text: string, values: unknown[] = []): Promise<any[]> {
    return this.database.query({ text }, values);
  }

  /** So many rows of many kinds. */
  async write(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const some = <T>(value: T): T | null => (i % 3 === 0 ? null : value);
      await this.sql(
        `INSERT INTO audit (user_id, email, address, act, outcome, execution_uuid, host_id, details) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
        [
          some(i),
          some(`ünï${i}@example.com`),
          some('192.0.2.1'),
          i % 2 === 0 ? 'ran_script' : 'user_logged_in',
          ['done', 'denied', 'failed'][i % 3],
          i % 4 === 0 ? randomUUID() : null,
          i % 5 === 0 ? i : null,
          `{"exit_code": ${i}, "big": 9007199254740993, "one": 1.0, "text": "\u2028 'quoted' \\"line\\"\\n", "list": [1, null, {"a": true}]}`,
        ],
      );
    }
  }

  /** Ids that are taken and never used. */
  async pass(count: number): Promise<void> {
    await this.sql(`SELECT nextval('audit_id_seq') FROM generate_series(1, $1::int)`, [count]);
  }

  async seal(): Promise<void> {
    while ((await this.sealer.seal()) > 0);
  }

  /** Where the record ends, as it is kept outside of the database. */
  get end(): KnownPlace {
    const { last } = this.sealer;
    const body = last && parseBody('seal', last.body);
    if (!last || !body) throw new Error('there is no seal yet');
    return placeAfter(last, body);
  }

  verify(queries: Queries = this.database, known: readonly KnownPlace[] = [this.end]): Promise<Verdict> {
    return verifyRecord(queries, this.signer.publicKeys(), known, this.sealer.open);
  }
}
