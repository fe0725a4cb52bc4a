import { randomBytes, type KeyObject } from 'node:crypto';
import {
  HELLO_ANSWER,
  HelloAck,
  keysNamedBy,
  isSharedRun,
  type Opening,
  openEnvelope,
  openForAll,
  type Order,
  publicKeyOf,
  Run,
  runOfShare,
  type ServerKey,
} from '#libs/protocol/index';

type Opened = Opening & { readonly ok: true };

/**
 * The keys of the swarm's one server, and what was signed with them. The hosts of a swarm trust together: the first word that is heard counts for all.
 * Replays are not looked for: the hosts keep nothing that a second one could harm.
 */
export class Trust {
  /** In every hello; an answer must repeat it. */
  readonly challenge = randomBytes(18).toString('base64url');
  private readonly keys = new Map<string, KeyObject>();
  /** The last envelope that was opened: what goes to many hosts is one object (see `EventReader`), and verified once. */
  private lastData: unknown;
  private last: Opened | null = null;
  /** The last order that came for many of them, as it is for one. */
  private lastShared: { readonly message: unknown; readonly order: Order | null } = {
    message: undefined,
    order: null,
  };

  ids(): string[] {
    return [...this.keys.keys()].slice(-8);
  }

  /** The server says that these are its keys. */
  learn(keys: readonly ServerKey[] | undefined): void {
    for (const told of keys ?? []) {
      const key = this.keys.has(told.id) ? null : publicKeyOf(told);
      if (key !== null) this.keys.set(told.id, key);
    }
  }

  /** The answer to a hello; null when it is none, or not to be trusted. */
  greeting(data: unknown): HelloAck | null {
    const plain = HelloAck.safeParse(data);
    if (plain.success && !plain.data.ok) return plain.data;
    const named = this.keys.size === 0 ? keysNamedBy(data) : [];
    const claimed = claimedHost(data);
    const opened = openEnvelope(data, {
      type: HELLO_ANSWER,
      host: claimed,
      now: null,
      key: (id) => this.keys.get(id) ?? publicKeyNamed(named, id),
      known: () => false,
    });
    const ack = opened.ok ? HelloAck.safeParse(opened.body.message) : null;
    if (!ack?.success || !ack.data.ok || ack.data.challenge !== this.challenge) return null;
    this.learn(ack.data.server_keys);
    return ack.data;
  }

  /**
   * The orders of a message for this host; null: it makes no sense. What many hosts have in common is checked once for all.
   * @param hosts of its envelope
   */
  orders(message: unknown, hosts: readonly string[], host: string): readonly Order[] | null {
    if (!isSharedRun(message)) return Run.safeParse(message).data?.orders ?? null;
    const own = runOfShare(message, hosts.indexOf(host));
    if (own === null) return null;
    if (this.lastShared.message !== message)
      this.lastShared = { message, order: Run.safeParse(own).data?.orders[0] ?? null };
    const { order } = this.lastShared;
    const { attempt_id, target_id } = own.orders[0] as Order;
    return order === null ? null : [{ ...order, attempt_id, target_id }];
  }

  /** What an envelope holds, as it is for all its hosts, or why it is refused. */
  open(type: string, data: unknown, host: string, now: number): Opening {
    if (data === this.lastData && this.last?.body.type === type && this.last.body.hosts.includes(host))
      return this.last;
    const opened = openForAll(data, {
      type,
      host,
      now,
      key: (id) => this.keys.get(id),
      known: () => false,
    });
    this.lastData = opened.ok ? data : undefined;
    this.last = opened.ok ? opened : null;
    return opened;
  }
}

function publicKeyNamed(named: readonly ServerKey[], id: string): KeyObject | undefined {
  const key = named.find((one) => one.id === id);
  return (key && publicKeyOf(key)) ?? undefined;
}

/** The host that an answer to a hello is for; the swarm does not know its hosts' uuids before. */
function claimedHost(data: unknown): string {
  try {
    const { hosts } = JSON.parse((data as { body: string }).body) as { hosts: string[] };
    return String(hosts[0]);
  } catch {
    return '';
  }
}
