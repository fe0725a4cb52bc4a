import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { isBuiltin } from '#libs/agents/index';
import { Rounds } from '#libs/platform/batch/index';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { InstanceDefinition, type InstanceSet, instancesRevision, Limits } from '#libs/protocol/index';
import { ContentsService } from '../../contents.service.js';
import { InstanceChannel } from './instance-channel.js';
import { InstanceSetNews } from './instance-set-news.js';
import { type DeliverableInstance, InstanceSetsRepository } from './instance-sets.repository.js';

/** Hosts that are looked up in one statement, and that are sent to at once. */
const BATCH = 1_000;
const AT_ONCE = 64;
const GRACE_SECONDS = 10;
/** Scripts of one host, characters: they travel in one message. */
const MOST_CONTENT = 3 * 1024 * 1024;

/** A host that is connected and knows of instances. */
interface ConnectedHost {
  /** Revision of what it has, or what is on its way to it; null: nothing. */
  held: string | null;
}

/**
 * Sees to it that every connected agent has the script instances that are for it. As with standing work, whatever happens (hellos, changed
 * instances and scripts, hosts in other teams or labels) is gathered and dealt with in rounds; hosts that are to have the same share one set.
 */
@Injectable()
export class InstanceSetsService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(InstanceSetsService.name);
  private readonly hosts = new Map<number, ConnectedHost>();
  /** To be looked up anew. */
  private readonly unknown = new Set<number>();
  private instances = new Map<number, DeliverableInstance>();
  private labelIds: ReadonlySet<number> = new Set();
  private changed = true;
  private readonly rounds = new Rounds(
    () => this.hosts.size > 0 && (this.changed || this.unknown.size > 0),
    () => this.round(),
    (error) =>
      this.logger.warn('script instances could not be looked up; trying again', { reason: String(error) }),
  );

  constructor(
    private readonly repository: InstanceSetsRepository,
    private readonly contents: ContentsService,
    private readonly channel: InstanceChannel,
    private readonly news: InstanceSetNews,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'outputCapBytes' | 'scriptTimeoutSeconds'>,
  ) {}

  onApplicationBootstrap(): void {
    this.news.listen({
      renew: () => {
        this.changed = true;
        this.rounds.begin();
      },
      moved: (hostIds) => this.lookUp(hostIds),
      labelled: (changes) =>
        this.lookUp(
          changes
            .filter(({ labelId }) => isBuiltin(labelId) || this.labelIds.has(labelId))
            .map(({ hostId }) => hostId),
        ),
    });
  }

  onApplicationShutdown(): Promise<void> {
    return this.rounds.close();
  }

  /** An agent said hello. @param revision undefined: it knows nothing of instances */
  arrived(hostId: number, revision: string | null | undefined): void {
    if (revision === undefined) return void this.hosts.delete(hostId);
    this.hosts.set(hostId, { held: revision });
    this.lookUp([hostId]);
  }

  left(hostId: number): void {
    this.hosts.delete(hostId);
  }

  private lookUp(hostIds: Iterable<number>): void {
    for (const id of hostIds) if (this.hosts.has(id)) this.unknown.add(id);
    this.rounds.begin();
  }

  private async round(): Promise<void> {
    if (this.changed) {
      this.changed = false;
      try {
        const { instances, labelIds } = await this.repository.load(this.settings.scriptTimeoutSeconds);
        this.instances = new Map(instances.map((one) => [one.id, one]));
        this.labelIds = labelIds;
      } catch (error) {
        this.changed = true;
        throw error;
      }
      for (const id of this.hosts.keys()) this.unknown.add(id);
    }
    const touched = [...this.unknown];
    const sets = new Map<string, InstanceSet>();
    for (let from = 0; from < touched.length; from += BATCH) {
      const batch = touched.slice(from, from + BATCH);
      const wanted = await this.repository.ofHosts(batch);
      for (const id of batch) this.unknown.delete(id);
      await this.deliver(batch, wanted, sets);
    }
  }

  private async deliver(
    hostIds: readonly number[],
    wanted: ReadonlyMap<number, number[]>,
    sets: Map<string, InstanceSet>,
  ): Promise<void> {
    const due: { hostId: number; host: ConnectedHost; set: InstanceSet }[] = [];
    for (const hostId of hostIds) {
      const host = this.hosts.get(hostId);
      if (!host) continue;
      const ids = wanted.get(hostId) ?? [];
      const key = ids.join(' ');
      const set = sets.get(key) ?? (await this.setOf(ids));
      sets.set(key, set);
      // Who has none, and is to have none, needs no word.
      if (host.held === set.revision || (host.held === null && ids.length === 0)) continue;
      host.held = set.revision;
      due.push({ hostId, host, set });
    }
    for (let from = 0; from < due.length; from += AT_ONCE)
      await Promise.all(due.slice(from, from + AT_ONCE).map((one) => this.send(one)));
  }

  private async send({
    hostId,
    host,
    set,
  }: {
    hostId: number;
    host: ConnectedHost;
    set: InstanceSet;
  }): Promise<void> {
    // Its next hello says what it has.
    if (await this.channel.send(hostId, set)) return;
    if (this.hosts.get(hostId) === host) this.hosts.delete(hostId);
  }

  private async setOf(ids: readonly number[]): Promise<InstanceSet> {
    const contents: Record<string, string> = {};
    const instances: InstanceDefinition[] = [];
    let characters = 0;
    for (const id of ids) {
      // Added a moment ago: the round that its word begins knows it.
      const instance = this.instances.get(id);
      if (!instance) continue;
      const sha256 = instance.contentSha256.toString('hex');
      const content = contents[sha256] ?? (await this.contents.get(instance.contentSha256)).toString('utf8');
      if (contents[sha256] === undefined) characters += content.length;
      if (instances.length >= Limits.instancesPerHost || characters > MOST_CONTENT) {
        this.logger.warn(
          'a host is to have more script instances than it can keep; the newest are left out',
          {
            instances: ids.length,
            delivered: instances.length,
          },
        );
        break;
      }
      contents[sha256] = content;
      instances.push(this.definitionOf(instance, sha256));
    }
    return { revision: instancesRevision(instances), instances, contents };
  }

  private definitionOf(instance: DeliverableInstance, sha256: string): InstanceDefinition {
    const { debounceMs, maxStartsPerMinute } = instance;
    return InstanceDefinition.parse({
      id: instance.id,
      name: instance.name,
      script_id: instance.scriptId,
      script_name: instance.scriptName,
      content_sha256: sha256,
      arguments: instance.arguments,
      timeout_seconds: instance.timeoutSeconds,
      grace_seconds: GRACE_SECONDS,
      output_cap_bytes: this.settings.outputCapBytes,
      start_trigger: instance.startTrigger,
      stop_trigger: instance.stopTrigger,
      enabled: instance.enabled,
      ...(debounceMs !== null && { debounce_ms: debounceMs }),
      ...(maxStartsPerMinute !== null && { max_starts_per_minute: maxStartsPerMinute }),
    });
  }
}
