import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { type HeldBlocks, type Standing } from '#libs/protocol/index';
import { Rounds } from '#libs/platform/batch/index';
import { HostMoves, isBuiltin, LabelMembership } from '#libs/agents/index';
import { StandingWorkChanges } from '../standing-work-changes.js';
import { type Configuration, Configurations, differenceBetween } from './configurations.js';
import { DefinitionsRepository, type HostScope } from './definitions.repository.js';
import { StandingChannel } from './standing-channel.js';

/** Hosts that are looked up in one statement. */
const BATCH = 1_000;
const EMPTY = { labels: [], policies: [], packs: [], schedules: [], teams: [] };

/** A host that is connected and knows of standing work. */
interface ConnectedHost {
  /** What it has, or what is on its way to it. */
  held: HeldBlocks;
  /** null: not looked up yet. */
  scope: HostScope | null;
  memberOf: readonly number[];
}

/**
 * Sees to it that every connected agent has the standing work that is its own. Whatever happens (hellos, changed definitions, hosts in
 * other teams or labels) is gathered and dealt with in rounds, one at a time: definitions are read once for all hosts, hosts are
 * looked up in batches, and hosts that lack the same get the same packet.
 */
@Injectable()
export class StandingWorkService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(StandingWorkService.name);
  private readonly hosts = new Map<number, ConnectedHost>();
  private compiled = new Configurations(EMPTY);
  private definitionsChanged = true;
  /** To be looked up anew. */
  private readonly unknown = new Set<number>();
  private readonly rounds = new Rounds(
    () => this.definitionsChanged || this.unknown.size > 0,
    () => this.round(),
    (error) =>
      this.logger.warn('standing work could not be looked up; trying again', { reason: String(error) }),
  );

  constructor(
    private readonly definitions: DefinitionsRepository,
    private readonly channel: StandingChannel,
    private readonly changes: StandingWorkChanges,
    private readonly moves: HostMoves,
    private readonly membership: LabelMembership,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.changes.listen((tx, { teams }) => {
      tx.afterCommit(() => {
        this.definitionsChanged = true;
        // The hosts of a team that is deleted are of no team.
        if (teams) this.lookUp(this.hosts.keys());
        else this.rounds.begin();
      });
    });
    this.moves.listen((tx, hostIds) => tx.afterCommit(() => this.lookUp(hostIds)));
    this.membership.onChange((changed) =>
      this.lookUp(changed.filter(({ labelId }) => this.matters(labelId)).map(({ hostId }) => hostId)),
    );
    // Agents' findings are judged by it from the first on.
    await this.compile();
  }

  onApplicationShutdown(): Promise<void> {
    return this.rounds.close();
  }

  /** What there is to be done, as of the last change that was read. */
  get current(): Configurations {
    return this.compiled;
  }

  /** An agent said hello. @param held undefined: it knows nothing of standing work */
  arrived(hostId: number, held: HeldBlocks | undefined): void {
    if (held === undefined) return void this.hosts.delete(hostId);
    this.hosts.set(hostId, { held, scope: null, memberOf: [] });
    this.lookUp([hostId]);
  }

  left(hostId: number): void {
    this.hosts.delete(hostId);
  }

  /** Built-in labels follow the platform. */
  private matters(labelId: number): boolean {
    return isBuiltin(labelId) || this.compiled.isTargeting(labelId);
  }

  private lookUp(hostIds: Iterable<number>): void {
    for (const id of hostIds) if (this.hosts.has(id)) this.unknown.add(id);
    this.rounds.begin();
  }

  private async round(): Promise<void> {
    const all = this.definitionsChanged;
    if (all) {
      const before = this.compiled;
      try {
        await this.compile();
      } catch (error) {
        this.definitionsChanged = true;
        throw error;
      }
      // Which labels matter has changed with them, perhaps.
      if (before.hasTargetingLabels || this.compiled.hasTargetingLabels)
        for (const id of this.hosts.keys()) this.unknown.add(id);
    }
    const touched = [...this.unknown];
    for (let from = 0; from < touched.length; from += BATCH)
      await this.readScopes(touched.slice(from, from + BATCH));
    await this.deliver(all ? [...this.hosts.keys()] : touched);
  }

  private async compile(): Promise<void> {
    this.definitionsChanged = false;
    this.compiled = new Configurations(await this.definitions.load());
  }

  private async readScopes(hostIds: readonly number[]): Promise<void> {
    for (const id of hostIds) this.unknown.delete(id);
    try {
      const [scopes, memberships] = await Promise.all([
        this.definitions.scopes(hostIds),
        this.compiled.hasTargetingLabels
          ? this.definitions.memberships(hostIds)
          : new Map<number, readonly number[]>(),
      ]);
      for (const scope of scopes) {
        const host = this.hosts.get(scope.hostId);
        if (host) Object.assign(host, { scope, memberOf: memberships.get(scope.hostId) ?? [] });
      }
    } catch (error) {
      for (const id of hostIds) this.unknown.add(id);
      throw error;
    }
  }

  private async deliver(hostIds: readonly number[]): Promise<void> {
    const packets = new Map<string, { standing: Standing; hostIds: number[] }>();
    const known = new Map<HeldBlocks, Map<Configuration, Standing | null>>();
    for (const hostId of hostIds) {
      const host = this.hosts.get(hostId);
      if (!host?.scope) continue;
      const wanted = this.compiled.of(host.scope, host.memberOf);
      if (host.held === wanted.held) continue;
      const standing = remembered(known, host.held, wanted);
      // From now on hosts with the same work share one record of it.
      host.held = wanted.held;
      if (!standing) continue;
      const key = JSON.stringify([standing.remove, standing.blocks.map(({ id, hash }) => [id, hash])]);
      const packet = packets.get(key) ?? { standing, hostIds: [] };
      packet.hostIds.push(hostId);
      packets.set(key, packet);
    }
    for (const { standing, hostIds: recipients } of packets.values())
      await this.channel.send(recipients, standing);
  }
}

/** Hosts that held the same and want the same lack the same: looked for once. */
function remembered(
  known: Map<HeldBlocks, Map<Configuration, Standing | null>>,
  held: HeldBlocks,
  wanted: Configuration,
): Standing | null {
  const from = known.get(held) ?? new Map<Configuration, Standing | null>();
  known.set(held, from);
  const found = from.get(wanted);
  if (found !== undefined) return found;
  const standing = differenceBetween(held, wanted);
  from.set(wanted, standing);
  return standing;
}
