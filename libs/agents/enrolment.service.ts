import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { type EnrollRequest, type EnrollResponse, PROTOCOL_VERSION } from '#libs/protocol/index';
import { Audit } from '#libs/platform/audit/index';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { LabelMembership } from './labels/label-membership.service.js';
import { createNodeKey, hashNodeKey } from './node-keys.js';
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
    text: 'SELECT id, uuid FROM hosts WHERE hardware_uuid = $1 AND instance = $2',
  },
  uuidTaken: { name: 'enroll_uuid_taken', text: 'SELECT 1 AS found FROM hosts WHERE uuid = $1' },
  insert: {
    name: 'enroll_insert',
    text: `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, hardware_serial, facts, agent_version, node_key_hash, team_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id, uuid`,
  },
  reenroll: {
    name: 'enroll_again',
    text: `UPDATE hosts SET hostname = $2, hardware_serial = $3, facts = $4, agent_version = $5, node_key_hash = $6, team_id = $7,
             enrolled_at = now(), facts_at = now(), updated_at = now()
           WHERE id = $1 RETURNING id, uuid`,
  },
};

/** Lets machines in: an enroll secret is traded for a node key, and a known machine finds its host again. */
@Injectable()
export class EnrolmentService implements OnApplicationBootstrap {
  private readonly logger = new Logger(EnrolmentService.name);

  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly labels: LabelMembership,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'dataDir' | 'enrollSecret'>,
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

  /** @throws DomainError login_failed (unknown secret), refused (other protocol) */
  async enroll(request: EnrollRequest, address: string): Promise<EnrollResponse> {
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
    const host = await this.database.transaction(async (tx) => {
      await tx.query(SQL.lockMachine, [request.hardware_uuid]);
      const row = await this.storeMachine(tx, request, hashNodeKey(nodeKey), secret.teamId);
      await this.labels.judge([{ hostId: row.id, ...request.facts }], tx);
      const details = {
        host_id: row.id,
        host_serial: request.facts.hardware_serial,
        host_display_name: request.hostname,
        team_id: secret.teamId,
      };
      await this.audit.record(tx, {
        userId: null,
        email: null,
        address,
        act: 'fleet_enrolled',
        outcome: 'done',
        hostId: row.id,
        details,
      });
      return row;
    });
    this.logger.log('host enrolled', { host_id: host.id, hostname: request.hostname, address });
    return { node_key: nodeKey, host_id: host.id, host_uuid: host.uuid };
  }

  /** The team is the secret's, for a known machine too: whoever moves it enrolls it again. */
  private async storeMachine(
    tx: Transaction,
    request: EnrollRequest,
    keyHash: Buffer,
    teamId: number | null,
  ): Promise<{ id: number; uuid: string }> {
    const { hardware_uuid, instance, hostname, facts, agent_version } = request;
    const described = [
      hostname,
      facts.hardware_serial,
      JSON.stringify(facts),
      agent_version,
      keyHash,
      teamId,
    ];
    const [existing] = await tx.query<{ id: number; uuid: string }>(SQL.findMachine, [
      hardware_uuid,
      instance,
    ]);
    if (existing) {
      await tx.query(SQL.reenroll, [existing.id, ...described]);
      return existing;
    }
    // The first agent on a machine bears the machine's own uuid; further ones get one of their own.
    const [taken] = await tx.query(SQL.uuidTaken, [hardware_uuid]);
    const uuid = taken ? derivedUuid(hardware_uuid, instance) : hardware_uuid;
    const [row] = await tx.query<{ id: number; uuid: string }>(SQL.insert, [
      uuid,
      hardware_uuid,
      instance,
      ...described,
    ]);
    if (!row) throw new Error('INSERT … RETURNING gave no row');
    return row;
  }
}
