import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { verifySignature } from '#libs/protocol/index';
import { Recurring } from '../../batch/index.js';
import { type Settings, SETTINGS } from '../../config/index.js';
import { Database } from '../../database/index.js';
import { Signer } from '../../signing/index.js';
import { Audit } from '../audit.js';
import { parseBody, PREFIX, sealDigest, type Signed, type Span } from '../chain/index.js';
import { ChainSql, MOST_ROWS } from './chain.repository.js';
import { HeadFile } from './head-file.js';
import { RecordCut, Sealer } from './sealer.js';

/** Between two looks for rows without a seal. */
const SEAL_MS = 2_000;

/**
 * Keeps the chain going: seals what is new every other second, keeps the last seal outside of the database too, and says so when the record
 * in the database does not end where it should.
 */
@Injectable()
export class AuditChain implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Audit');
  private readonly file: HeadFile;
  private written: Signed | null = null;
  private readonly looks = new Recurring(() => this.look(), {
    everyMs: SEAL_MS,
    firstMs: 0,
    onError: (error) => this.tellFailure(error),
  });
  /** Whatever uses the record from end to end, one after the other. */
  private turn: Promise<unknown> = Promise.resolve();
  private readers = 0;
  private failing = false;

  constructor(
    private readonly database: Database,
    private readonly signer: Signer,
    private readonly sealer: Sealer,
    private readonly audit: Audit,
    @Inject(SETTINGS) settings: Pick<Settings, 'dataDir'>,
  ) {
    this.file = new HeadFile(settings.dataDir);
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.resume();
    this.looks.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.looks.stop();
    // What is left without a seal gets it at the next start.
    await this.sealAll().catch(() => undefined);
  }

  /** The last seal; null: there is none yet. */
  get last(): Signed | null {
    return this.sealer.last;
  }

  /** Ids that may still be written. */
  get open(): readonly Span[] {
    return this.sealer.open;
  }

  /** Seals all rows that are there now. @returns the last seal */
  async sealAll(): Promise<Signed | null> {
    return this.inTurn(async () => {
      while ((await this.sealSome()) >= MOST_ROWS);
      await this.keepHead();
      return this.sealer.last;
    });
  }

  /** Somebody reads the record bit by bit: nothing of it may be forgotten meanwhile. */
  get isRead(): boolean {
    return this.readers > 0;
  }

  /** @returns to be called when the reading is over */
  read(): () => void {
    this.readers++;
    return () => void this.readers--;
  }

  /** Nothing else is sealed, or forgotten, meanwhile. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => undefined);
    return result;
  }

  private async look(): Promise<void> {
    await this.sealAll();
    this.failing = false;
  }

  /** Once; then it is tried until it works. */
  private tellFailure(error: unknown): void {
    if (!this.failing)
      this.logger.warn('the audit record cannot be sealed at the moment; it is tried again and again', {
        reason: (error as Error).message,
      });
    this.failing = true;
  }

  private async sealSome(): Promise<number> {
    try {
      return await this.sealer.seal();
    } catch (error) {
      if (!(error instanceof RecordCut)) throw error;
      await this.tellCut(error.there, error.message);
      return this.sealer.seal();
    }
  }

  private async keepHead(): Promise<void> {
    const { last } = this.sealer;
    if (last === null || last === this.written) return;
    await this.file.write(last);
    this.written = last;
  }

  /** Where the record ended when it was last sealed: what the database says, unless the file knows better. */
  private async resume(): Promise<void> {
    const there = await ChainSql.lastSeal(this.database);
    const noted = await this.file.read().catch((error: unknown) => {
      this.logger.warn(`${(error as Error).message}: only the database says where the audit record ends`);
      return null;
    });
    const known = noted !== null && parseBody('seal', noted.body) !== null ? noted : null;
    if (await this.fits(there, known)) {
      this.sealer.resume(there);
      return;
    }
    if (known === null && there !== null) {
      this.sealer.resumeApart(there, await ChainSql.lastId(this.database));
      await this.tellCut(
        there,
        'nothing says that its last seal was made here: the noted one and the key are gone',
      );
      return;
    }
    this.sealer.resume(known);
    await this.tellCut(there, 'it does not hold the last seal that was noted');
  }

  /** Whether the server can go on from there: the end is that which it noted, or one that it has signed itself since. */
  private async fits(there: Signed | null, noted: Signed | null): Promise<boolean> {
    const body = noted && parseBody('seal', noted.body);
    if (!noted || !body) return there === null || this.isOurs(there);
    const [same] = await ChainSql.seals(this.database, String(body.seal - 1), 1);
    if (!same || sealDigest(same) !== sealDigest(noted)) return false;
    return same.body === there?.body || (there !== null && this.isOurs(there));
  }

  private isOurs({ body, signature }: Signed): boolean {
    const said = parseBody('seal', body);
    const key = this.signer.publicKeys().find(({ id }) => id === said?.key);
    return key !== undefined && verifySignature(key.publicKey, Buffer.from(PREFIX.seal + body), signature);
  }

  /** It goes on from the end that is known, so that nobody can make the gap disappear. */
  private async tellCut(there: Signed | null, why: string): Promise<void> {
    const { seal, position } = this.sealer.place;
    this.logger.error(
      'the audit record in the database does not end where it was last sealed: somebody changed it, or an older copy was restored; muster audit verify tells more',
      { seal, position, why },
    );
    this.sealer.acceptCut(there);
    await this.audit.record(null, {
      userId: null,
      email: null,
      address: null,
      act: 'audit_record_cut',
      outcome: 'failed',
      details: { seal, position, why },
    });
  }
}
