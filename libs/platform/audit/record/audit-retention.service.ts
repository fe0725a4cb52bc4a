import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { Recurring } from '../../batch/index.js';
import { type Settings, SETTINGS } from '../../config/index.js';
import { Database } from '../../database/index.js';
import { Signer } from '../../signing/index.js';
import { Audit } from '../audit.js';
import {
  type CheckpointBody,
  ChainVerifier,
  parseBody,
  placeAfter,
  PREFIX,
  type SealBody,
  type Signed,
  type StoredSeal,
} from '../chain/index.js';
import { verifySignature } from '#libs/protocol/index';
import { AuditChain } from './audit-chain.service.js';
import { ChainSql } from './chain.repository.js';
import { BEFORE_ALL, sealedRows, type SealedRows, verifySealed } from './verify-record.js';

const PASS_MS = 3_600_000;
const STEP_MS = 100;
/** Seals that are forgotten in one transaction. */
const SEALS_AT_ONCE = 20;

/**
 * Forgets what is older than `MUSTER_AUDIT_DAYS`: whole seals with their rows, from the beginning on, and only what is still as it was sealed. A checkpoint
 * that the server signs says where the chain begins then.
 */
@Injectable()
export class AuditRetention implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Audit');
  private readonly passes = new Recurring(() => this.pass(), {
    everyMs: PASS_MS,
    firstMs: STEP_MS,
    onError: (error) =>
      this.logger.warn('old rows of the audit record could not be forgotten; the next pass tries again', {
        reason: String(error),
      }),
  });

  constructor(
    private readonly database: Database,
    private readonly signer: Signer,
    private readonly chain: AuditChain,
    private readonly audit: Audit,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'auditDays'>,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.signAnew();
    if (this.settings.auditDays > 0) this.passes.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.passes.stop();
  }

  /** One pass over all that is old. @returns how many rows are forgotten */
  async pass(now = Date.now()): Promise<number> {
    const before = new Date(now - this.settings.auditDays * 86_400_000).toISOString();
    let forgotten = 0;
    for (let rows = -1; rows !== 0 && !this.passes.stopped;) {
      rows = await this.chain.inTurn(() => this.step(before));
      forgotten += rows;
      if (rows > 0) await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    }
    if (forgotten > 0) this.logger.log('old rows of the audit record are forgotten', { rows: forgotten });
    return forgotten;
  }

  private async step(before: string): Promise<number> {
    if (this.chain.isRead) return 0;
    const checkpoints = await ChainSql.checkpoints(this.database);
    const old: { seal: SealedRows; body: SealBody }[] = [];
    for await (const seal of sealedRows(this.database, BEFORE_ALL)) {
      const body = parseBody('seal', seal.stored.body);
      if (old.length === SEALS_AT_ONCE || body === null || body.sealed_at >= before) break;
      // The last one is what the next one follows.
      if (seal.stored.body === this.chain.last?.body) break;
      old.push({ seal, body });
    }
    const end = old.at(-1);
    if (end === undefined || !this.intact(checkpoints, old)) return 0;
    const rows = old.reduce((sum, { body }) => sum + body.count, 0);
    const checkpoint = this.checkpoint(end.seal.stored, end.body, checkpoints[0]);
    await this.database.transaction(async (tx) => {
      await ChainSql.forget(
        tx,
        old.map(({ seal }) => seal.stored),
      );
      await ChainSql.setCheckpoint(tx, end.body.seal, checkpoint);
      await this.audit.record(tx, {
        userId: null,
        email: null,
        address: null,
        act: 'forgot_audit_rows',
        outcome: 'done',
        details: { rows, position: end.body.first + end.body.count - 1, until: end.body.sealed_at },
      });
    });
    return rows;
  }

  /** What was tampered with is kept: forgetting it would hide that. */
  private intact(checkpoints: readonly Signed[], old: readonly { seal: SealedRows }[]): boolean {
    const verifier = new ChainVerifier(this.signer.publicKeys());
    verifier.begin(checkpoints);
    for (const { seal } of old) verifySealed(verifier, seal);
    // Keys of long ago are vouched for by the seals that came later.
    const problem = verifier.verdict().problems.find((p) => p.problem !== 'unknown_key');
    if (problem)
      this.logger.error('old rows of the audit record are not as they were sealed, so they are kept', {
        problem: problem.message,
      });
    return problem === undefined;
  }

  private checkpoint(stored: StoredSeal, body: SealBody, before: Signed | undefined): Signed {
    const highBefore = (before && parseBody('checkpoint', before.body)?.high) ?? 0;
    return this.signed({
      v: 1,
      ...placeAfter(stored, body),
      high: Math.max(body.high, highBefore),
      until: body.sealed_at,
      made_at: new Date().toISOString(),
      key: this.signer.keyId,
    });
  }

  private signed(said: CheckpointBody): Signed {
    const body = JSON.stringify(said);
    return { body, signature: this.signer.sign(Buffer.from(PREFIX.checkpoint + body)) };
  }

  /** With the present key, while the one of before is still known: nothing else vouches for a checkpoint. */
  private async signAnew(): Promise<void> {
    const [checkpoint] = await ChainSql.checkpoints(this.database);
    const body = checkpoint && parseBody('checkpoint', checkpoint.body);
    if (!checkpoint || !body || body.key === this.signer.keyId) return;
    const key = this.signer.publicKeys().find(({ id }) => id === body.key);
    const bytes = Buffer.from(PREFIX.checkpoint + checkpoint.body);
    if (!key || !verifySignature(key.publicKey, bytes, checkpoint.signature)) return;
    const signed = this.signed({ ...body, key: this.signer.keyId });
    await this.database.transaction((tx) => ChainSql.setCheckpoint(tx, body.seal, signed));
  }
}
