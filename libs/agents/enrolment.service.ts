import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import {
  type EnrollChallenge,
  type EnrollRequest,
  type EnrollResponse,
  PROTOCOL_VERSION,
  serverKeyOf,
} from '#libs/protocol/index';
import { Audit } from '#libs/platform/audit/index';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { Signer } from '#libs/platform/signing/index';
import { LabelMembership } from './labels/label-membership.service.js';
import { createNodeKey, hashNodeKey } from './node-keys.js';
import { EnrolmentChallenges } from './reenrolment/enrolment-challenges.js';
import { type Grounds, judgeReenrolment, keyBytes, type KnownHost } from './reenrolment/reenrolment.js';
import { derivedUuid } from './uuid.js';

const SQL = {
  // A row that says that the first secret was made: revoking all of them later must not bring it back.
  firstStart: { text: `INSERT INTO enrolment (id) VALUES (1) ON CONFLICT DO NOTHING RETURNING id` },
  addSecret: { text: 'INSERT INTO enroll_secrets (secret) VALUES ($1) ON CONFLICT DO NOTHING' },
  secret: {
    name: 'enroll_secret',
    text: 'SELECT team_id AS "teamId" FROM enroll_secrets WHERE secret = $1',
  },
  lockMachine: { name: 'enroll_lock', text: 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))' },
  findMachine: {
    name: 'enroll_find',
    text: `SELECT id, uuid, hostname, agent_key AS "agentKey", node_key_hash AS "nodeKeyHash", online, journal_id IS NOT NULL AS heard,
             extract(epoch FROM now() - seen_at)::float8 AS "awaySeconds", coalesce(reenroll_until > now(), false) AS allowed
           FROM hosts WHERE hardware_uuid = $1 AND instance = $2 FOR NO KEY UPDATE`,
  },
  uuidTaken: { name: 'enroll_uuid_taken', text: 'SELECT 1 AS found FROM hosts WHERE uuid = $1' },
  insert: {
    name: 'enroll_insert',
    text: `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, hardware_serial, facts, agent_version, node_key_hash, team_id, agent_key)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id, uuid`,
  },
  reenroll: {
    name: 'enroll_again',
    text: `UPDATE hosts SET hostname = $2, hardware_serial = $3, facts = $4, agent_version = $5, node_key_hash = $6, team_id = $7,
             agent_key = $8, reenroll_until = NULL, enrolled_at = now(), facts_at = now(), updated_at = now()
           WHERE id = $1`,
  },
};

/** An agent that is refused asks every minute: the record has it every ten, milliseconds. */
const REFUSALS_APART_MS = 600_000;

/** What has become of a request. */
type Outcome =
  | { readonly kind: 'enrolled'; readonly host: HostName; readonly grounds: Grounds | 'new' }
  | { readonly kind: 'challenged'; readonly challenge: string }
  | { readonly kind: 'refused'; readonly reason: string };

/** With what a machine is let in. */
interface Admission {
  readonly nodeKey: string;
  /** The secret's. */
  readonly teamId: number | null;
  readonly address: string;
}

interface HostName {
  readonly id: number;
  readonly uuid: string;
}

/** Lets machines in: an enroll secret is traded for a node key, and a known machine finds its host again. */
@Injectable()
export class EnrolmentService implements OnApplicationBootstrap {
  private readonly logger = new Logger(EnrolmentService.name);
  private readonly challenges = new EnrolmentChallenges();
  /** When the record last said so of a host, milliseconds. */
  private readonly refusedAt = new Map<number, number>();

  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly labels: LabelMembership,
    private readonly signer: Signer,
    @Inject(SETTINGS)
    private readonly settings: Pick<Settings, 'dataDir' | 'enrollSecret' | 'reenrollAfterHours'>,
  ) {}

  /** At the very first start only: the first global secret, from the settings or made up and kept in a 0600 file. */
  async onApplicationBootstrap(): Promise<void> {
    const path = join(this.settings.dataDir, 'enroll-secret');
    const created = await this.database.transaction(async (tx) => {
      const [first] = await tx.query<{ id: number }>(SQL.firstStart);
      if (!first) return false;
      const given =
        this.settings.enrollSecret ??
        (await readFile(path, 'utf8').then(
          (text) => text.trim(),
          () => null,
        ));
      const secret = given ?? randomBytes(24).toString('base64url');
      await tx.query(SQL.addSecret, [secret]);
      await writeFile(path, `${secret}\n`, { mode: 0o600 });
      return true;
    });
    if (created) this.logger.log('first enroll secret stored', { file: path });
  }

  /**
   * @returns a challenge to a machine that names the key of the host that it says it is
   * @throws DomainError login_failed (unknown secret), refused (other protocol), conflict (the place of another, see `judgeReenrolment`)
   */
  async enroll(request: EnrollRequest, address: string): Promise<EnrollResponse | EnrollChallenge> {
    if (request.protocol !== PROTOCOL_VERSION) {
      throw new DomainError(
        'refused',
        `this server speaks agent protocol ${PROTOCOL_VERSION}, the agent ${request.protocol}: install the matching agent`,
      );
    }
    const [secret] = await this.database.query<{ teamId: number | null }>(SQL.secret, [
      request.enroll_secret,
    ]);
    if (!secret) {
      const details = { hostname: request.hostname, hardware_uuid: request.hardware_uuid };
      await this.audit.record(null, {
        userId: null,
        email: null,
        address,
        act: 'fleet_enrolled',
        outcome: 'denied',
        details,
      });
      throw new DomainError('login_failed', 'the enroll secret is not known to this server');
    }
    const nodeKey = createNodeKey();
    const outcome = await this.database.transaction((tx) =>
      this.admit(tx, request, { nodeKey, teamId: secret.teamId, address }),
    );
    const server_keys = this.signer.publicKeys().map(serverKeyOf);
    if (outcome.kind === 'refused') throw new DomainError('conflict', outcome.reason);
    if (outcome.kind === 'challenged') return { challenge: outcome.challenge, server_keys };
    const { host, grounds } = outcome;
    const line = { host_id: host.id, hostname: request.hostname, address };
    if (grounds === 'allowed' || grounds === 'away')
      this.logger.warn('a host was enrolled again without its key', { ...line, grounds });
    else this.logger.log('host enrolled', line);
    return { node_key: nodeKey, host_id: host.id, host_uuid: host.uuid, server_keys };
  }

  private async admit(tx: Transaction, request: EnrollRequest, admission: Admission): Promise<Outcome> {
    await tx.query(SQL.lockMachine, [request.hardware_uuid]);
    const [known] = await tx.query<KnownHost>(SQL.findMachine, [request.hardware_uuid, request.instance]);
    if (!known) return this.store(tx, request, admission, { known: null, grounds: 'new' });
    const now = Date.now();
    const verdict = judgeReenrolment(known, request, {
      challenges: this.challenges,
      serverKeys: this.signer.publicKeys().map(({ id }) => id),
      afterHours: this.settings.reenrollAfterHours,
      now,
    });
    if (verdict.kind === 'take')
      return this.store(tx, request, admission, { known, grounds: verdict.grounds });
    if (verdict.kind === 'challenge')
      return { kind: 'challenged', challenge: this.challenges.issue(known, now) };
    if (now - (this.refusedAt.get(known.id) ?? -Infinity) >= REFUSALS_APART_MS) {
      this.refusedAt.set(known.id, now);
      this.logger.warn('a machine was refused in the place of a host', {
        host_id: known.id,
        hostname: request.hostname,
        address: admission.address,
      });
      await this.record(tx, request, admission, {
        hostId: known.id,
        outcome: 'denied',
        more: { reason: 'it does not have the key of the host that is there' },
      });
    }
    return { kind: 'refused', reason: verdict.reason };
  }

  /** The team is the secret's, for a known machine too: whoever moves it enrolls it again. */
  private async store(
    tx: Transaction,
    request: EnrollRequest,
    admission: Admission,
    { known, grounds }: { known: KnownHost | null; grounds: Grounds | 'new' },
  ): Promise<Outcome> {
    const { hardware_uuid, instance, hostname, facts, agent_version, agent_key } = request;
    const described = [
      hostname,
      facts.hardware_serial,
      JSON.stringify(facts),
      agent_version,
      hashNodeKey(admission.nodeKey),
      admission.teamId,
      keyBytes(agent_key),
    ];
    if (known) await tx.query(SQL.reenroll, [known.id, ...described]);
    const host = known ?? (await this.insert(tx, hardware_uuid, instance, described));
    await this.labels.judge([{ hostId: host.id, ...facts }], tx);
    await this.record(tx, request, admission, {
      hostId: host.id,
      outcome: 'done',
      more: grounds === 'new' ? {} : { reenrolled: grounds },
    });
    return { kind: 'enrolled', host, grounds };
  }

  private async insert(
    tx: Transaction,
    hardwareUuid: string,
    instance: string,
    described: readonly unknown[],
  ): Promise<HostName> {
    // The first agent on a machine bears the machine's own uuid; further ones get one of their own.
    const [taken] = await tx.query(SQL.uuidTaken, [hardwareUuid]);
    const uuid = taken ? derivedUuid(hardwareUuid, instance) : hardwareUuid;
    const [row] = await tx.query<HostName>(SQL.insert, [uuid, hardwareUuid, instance, ...described]);
    if (!row) throw new Error('INSERT … RETURNING gave no row');
    return row;
  }

  private async record(
    tx: Transaction,
    { facts, hostname }: EnrollRequest,
    { address, teamId }: Admission,
    { hostId, outcome, more }: { hostId: number; outcome: 'done' | 'denied'; more: object },
  ): Promise<void> {
    const details = {
      host_id: hostId,
      host_serial: facts.hardware_serial,
      host_display_name: hostname,
      team_id: teamId,
      ...more,
    };
    const by = { userId: null, email: null, address, act: 'fleet_enrolled' };
    await this.audit.record(tx, { ...by, outcome, hostId, details });
  }
}
