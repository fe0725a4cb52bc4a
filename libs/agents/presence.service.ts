import { setTimeout } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { type Hello, type HostFacts } from '#libs/protocol/index';
import { Batcher } from '#libs/platform/batch/index';
import { Database, type Statement } from '#libs/platform/database/index';
import { type PlatformFacts } from './labels/builtin-labels.js';
import { LabelMembership } from './labels/label-membership.service.js';
import { hashNodeKey } from './node-keys.js';
import { keyBytes } from './reenrolment/reenrolment.js';

/** Thousands of agents may come back in one second: their rows are read and written in batches of this size. */
const BATCH = 500;
/** Hosts that are reset together. Their rows are near each other: read once, changed while they are in memory. */
const RESET = 4_000;
/** Every so-manieth host in one statement: as many as have room for another version of themselves on their page. */
const APART = 8;
/** One a second; after an hour without a database, the next start of the server puts things right. */
const DEPARTURE_ATTEMPTS = 3_600;

/** From the row as it is now: an agent that cannot tell something (yet) does not take back what it told before. */
const PLATFORM_FACTS = (row: string): string =>
  `RETURNING ${row}.id AS "hostId", coalesce(${row}.facts->>'platform', '') AS platform, coalesce(${row}.facts->>'os_version', '') AS os_version`;

const SQL = {
  // Nobody is connected to a server that has just started. From now on the leases of what was in flight count.
  online: { text: 'SELECT id FROM hosts WHERE online ORDER BY id' },
  reset: {
    name: 'presence_reset',
    text: 'UPDATE hosts SET online = false, connection_id = NULL, seen_at = now() WHERE id = ANY($1::int[]) AND online',
  },
  authenticate: {
    name: 'node_key_authenticate',
    text: 'SELECT id, uuid, node_key_hash FROM hosts WHERE node_key_hash = ANY($1::bytea[])',
  },
  connected: {
    name: 'presence_connected',
    text: `UPDATE hosts h SET online = true, connection_id = c.connection_id, journal_id = c.journal_id, hostname = c.hostname,
             labels = c.labels, parallel_slots = c.parallel_slots, scripts_enabled = c.scripts_enabled, agent_version = c.agent_version,
             keeps_secrets = c.keeps_secrets, agent_key = coalesce(h.agent_key, c.agent_key),
             facts = h.facts || c.facts, hardware_serial = coalesce(nullif(c.facts->>'hardware_serial', ''), h.hardware_serial),
             seen_at = now(), facts_at = now(), updated_at = now()
           FROM (SELECT * FROM unnest($1::int[], $2::text[], $3::uuid[], $4::text[], $5::jsonb[], $6::int[], $7::boolean[], $8::text[], $9::jsonb[], $10::boolean[], $11::bytea[])
             AS c(host_id, connection_id, journal_id, hostname, labels, parallel_slots, scripts_enabled, agent_version, facts, keeps_secrets, agent_key)) c
           WHERE h.id = c.host_id ${PLATFORM_FACTS('h')}, coalesce(h.agent_key <> c.agent_key, false) AS "otherKey"`,
  },
  disconnected: {
    name: 'presence_disconnected',
    text: `UPDATE hosts h SET online = false, connection_id = NULL, seen_at = now()
           FROM unnest($1::int[], $2::text[]) AS c(host_id, connection_id)
           WHERE h.id = c.host_id AND h.connection_id = c.connection_id`,
  },
  facts: {
    name: 'host_facts',
    text: `UPDATE hosts SET facts = facts || $2::jsonb, hardware_serial = coalesce(nullif($2::jsonb->>'hardware_serial', ''), hardware_serial),
             facts_at = now(), updated_at = now() WHERE id = $1 ${PLATFORM_FACTS('hosts')}`,
  },
};

export interface KnownAgent {
  readonly hostId: number;
  readonly hostUuid: string;
}

export interface Connected {
  readonly hostId: number;
  readonly connectionId: string;
  readonly agentVersion: string;
  readonly hello: Hello;
}

/** Which hosts are there: rows follow the agents' connections. */
@Injectable()
export class PresenceService implements OnApplicationBootstrap {
  private readonly logger = new Logger(PresenceService.name);
  private readonly keys = new Batcher((keys: string[]) => this.readKeys(keys), BATCH);
  private readonly arrivals = new Batcher((arrived: Connected[]) => this.writeArrivals(arrived), BATCH);
  private readonly departures = new Batcher(
    (gone: { hostId: number; connectionId: string }[]) => this.writeDepartures(gone),
    BATCH,
  );

  constructor(
    private readonly database: Database,
    private readonly labels: LabelMembership,
  ) {}

  /**
   * All at once, rows would find no room on their pages and be written anew into every index: 80,000 hosts took 17 s. A few of each page at a
   * time, what the ones before have left makes room for the next.
   */
  async onApplicationBootstrap(): Promise<void> {
    const ids = (await this.database.query<{ id: number }>(SQL.online)).map(({ id }) => id);
    for (let from = 0; from < ids.length; from += RESET) {
      const near = ids.slice(from, from + RESET);
      for (let first = 0; first < APART; first++)
        await this.database.query(SQL.reset, [near.filter((_, place) => place % APART === first)]);
    }
  }

  /** The host that a node key belongs to, or null. */
  authenticate(nodeKey: string): Promise<KnownAgent | null> {
    return this.keys.add(nodeKey);
  }

  /** The agent said hello on this connection; an older connection's end changes nothing from now on. */
  connected(arrival: Connected): Promise<void> {
    return this.arrivals.add(arrival);
  }

  /** Does not give up while the database is away: a host that has gone must not look online for ever. */
  async disconnected(hostId: number, connectionId: string): Promise<void> {
    for (let attempt = 1; attempt <= DEPARTURE_ATTEMPTS; attempt++) {
      try {
        await this.departures.add({ hostId, connectionId });
        return;
      } catch (error) {
        this.logger.warn('a departure could not be written yet', { host_id: hostId, reason: String(error) });
        await setTimeout(1_000);
      }
    }
  }

  async facts(hostId: number, facts: HostFacts): Promise<void> {
    await this.describe(SQL.facts, [hostId, JSON.stringify(knownFacts(facts))]);
  }

  /** Resolves when every departure heard of so far is written. */
  async settled(): Promise<void> {
    await this.departures.idle();
  }

  private async readKeys(keys: string[]): Promise<(KnownAgent | null)[]> {
    const hashes = keys.map(hashNodeKey);
    const rows = await this.database.query<{ id: number; uuid: string; node_key_hash: Buffer }>(
      SQL.authenticate,
      [hashes],
    );
    const known = new Map(
      rows.map((r) => [r.node_key_hash.toString('hex'), { hostId: r.id, hostUuid: r.uuid }]),
    );
    return hashes.map((hash) => known.get(hash.toString('hex')) ?? null);
  }

  private async writeArrivals(arrived: Connected[]): Promise<undefined[]> {
    // A host that connected twice within one batch: the later connection is the one that counts.
    const latest = [...new Map(arrived.map((a) => [a.hostId, a])).values()];
    const column = <T>(pick: (a: Connected) => T): T[] => latest.map(pick);
    const hosts = await this.describe<{ otherKey: boolean }>(SQL.connected, [
      column((a) => a.hostId),
      column((a) => a.connectionId),
      column((a) => a.hello.journal_id),
      column((a) => a.hello.hostname),
      column((a) => JSON.stringify(a.hello.labels)),
      column((a) => a.hello.parallel_slots),
      column((a) => a.hello.scripts_enabled),
      column((a) => a.agentVersion),
      column((a) => JSON.stringify(knownFacts(a.hello.facts))),
      column((a) => a.hello.keeps_secrets === true),
      column((a) => keyBytes(a.hello.agent_key)),
    ]);
    for (const { hostId } of hosts.filter(({ otherKey }) => otherKey))
      this.logger.warn(
        'a host has another key than the one it enrolled with: to enroll again it will need leave',
        { host_id: hostId },
      );
    return arrived.map(() => undefined);
  }

  /** What hosts tell of themselves, and the labels that follow from it. */
  private describe<T>(
    statement: Statement,
    values: readonly unknown[],
  ): Promise<({ hostId: number } & PlatformFacts & T)[]> {
    return this.database.transaction(async (tx) => {
      const hosts = await tx.query<{ hostId: number } & PlatformFacts & T>(statement, values);
      await this.labels.judge(hosts, tx);
      return hosts;
    });
  }

  private async writeDepartures(gone: { hostId: number; connectionId: string }[]): Promise<undefined[]> {
    await this.database.query(SQL.disconnected, [gone.map((g) => g.hostId), gone.map((g) => g.connectionId)]);
    return gone.map(() => undefined);
  }
}

/** Without what the agent could not tell (yet): merging must not wipe out what it told before. */
function knownFacts(facts: HostFacts): Partial<HostFacts> {
  const known = Object.entries(facts).filter(
    ([, v]) => v !== '' && v !== 0 && !(Array.isArray(v) && v.length === 0),
  );
  return Object.fromEntries(known);
}
