import { type KeyObject } from 'node:crypto';
import * as path from 'node:path';
import { z } from 'zod';
import { KeyId, publicKeyOf, ServerKey } from '#libs/protocol/index';
import { readTextOr, writeFileAtomically } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';

/** A key that was replaced is believed for so long after its successor has signed, so that a server may go back: milliseconds, 24 hours. */
const OVERLAP_MS = 24 * 3_600_000;
const FILE = 'server-keys.json';

/** A key that the server is expected to have: as a whole, or by its id. */
export type ExpectedKey = ServerKey | { readonly id: string; readonly public_key?: undefined };

const Pinned = ServerKey.extend({
  /** It was replaced, and is believed until then; milliseconds, by the host's clock. */
  until: z.number().optional(),
});
type Pinned = z.infer<typeof Pinned>;

const TrustFile = z.object({
  server: z.string(),
  host_uuid: z.string().nullable(),
  /** Id of the key from the command line that all of this follows from. */
  root: KeyId.nullable(),
  keys: z.array(Pinned).max(8),
});
type TrustFile = z.infer<typeof TrustFile>;

/** The server is not the one that this agent trusts. The message says what to do. */
export class DistrustError extends Error {}

/**
 * Which keys the server may sign with. They outlive the identity: a server that does not know the node key any more, or says so,
 * still has to be the same one.
 */
export class ServerTrust {
  private readonly file: string;
  private state: TrustFile;
  private readonly objects = new Map<string, KeyObject>();

  /** @throws Error when the file is there and makes no sense: who damaged it must not be trusted for it */
  constructor(
    stateDir: string,
    server: string,
    private readonly expected: ExpectedKey | null,
    private readonly log: AgentLogger,
  ) {
    this.file = path.join(stateDir, FILE);
    this.state = this.load(server);
    const { root } = this.state;
    if (expected === null || root === expected.id) return;
    // Another key on the command line is the operator's word: nothing that was believed before counts.
    this.state = {
      ...this.state,
      root: expected.id,
      keys: expected.public_key === undefined ? [] : [expected],
    };
    this.save();
  }

  /** Ids of the keys that are believed now. */
  ids(): string[] {
    return this.pinned().map(({ id }) => id);
  }

  /** A key that is believed now. */
  key(id: string): KeyObject | undefined {
    const pinned = this.pinned().find((key) => key.id === id);
    return pinned && this.object(pinned);
  }

  /**
   * Keys that an answer which nobody has vouched for may be verified with, when none is believed yet: those that it names,
   * and that the command line does not forbid.
   */
  candidates(named: readonly ServerKey[]): ServerKey[] {
    if (this.state.keys.length > 0) return [];
    return named.filter(({ id }) => this.expected === null || id === this.expected.id);
  }

  /**
   * Which of the keys that a server names it is known by: one that is believed, or, when none is yet, the first that may be.
   * @throws DistrustError
   */
  known(named: readonly ServerKey[]): ServerKey {
    const believed = new Set(this.ids());
    const [key] = believed.size === 0 ? this.candidates(named) : named.filter(({ id }) => believed.has(id));
    if (key === undefined) throw new DistrustError(this.complaint(named));
    return key;
  }

  /**
   * An enrolment was answered: with the first key that is ever heard of it is believed from now on.
   * @throws DistrustError
   */
  enrolled(keys: readonly ServerKey[] | undefined, hostUuid: string): void {
    if (keys === undefined)
      throw new DistrustError(
        'the server signs nothing: it is older than this agent, and has to be upgraded first',
      );
    const known = this.state.host_uuid;
    if (known !== null && known !== hostUuid)
      throw new DistrustError(
        `the server says that this host is ${hostUuid}, which was ${known} before; if that is right, remove ${this.file}`,
      );
    const believed = new Set(this.ids());
    if (believed.size === 0) {
      const [first] = this.candidates(keys).filter((key) => publicKeyOf(key) !== null);
      if (first === undefined) throw new DistrustError(this.complaint(keys));
      this.state.keys = [first];
      this.log.info({ server_key: first.id }, 'this server key is trusted from now on');
    } else if (!keys.some(({ id }) => believed.has(id))) throw new DistrustError(this.complaint(keys));
    this.state.host_uuid = hostUuid;
    this.save();
  }

  /**
   * A hello was answered, signed with `signedBy`, which is believed or a candidate: its word about the keys.
   * @param keys the one in use first
   */
  greeted(keys: readonly ServerKey[] | undefined, signedBy: string, hostUuid: string): void {
    const before = JSON.stringify(this.state);
    this.state.host_uuid = hostUuid;
    const [current] = keys ?? [];
    if (this.state.keys.length === 0) {
      const first = keys?.find(({ id }) => id === signedBy);
      if (first === undefined) return;
      this.state.keys = [first];
      this.log.warn(
        { server_key: first.id },
        'this host was enrolled before servers signed: this server key is trusted from now on',
      );
    }
    const signer = this.state.keys.find(({ id }) => id === signedBy);
    // A key that was replaced, and may have been for a reason, has no say in what comes after it.
    if (keys !== undefined && current !== undefined && signer !== undefined && signer.until === undefined)
      this.succeed(current, keys);
    if (JSON.stringify(this.state) !== before) this.save();
  }

  /** Why none of these will do. */
  complaint(keys: readonly { id: string }[]): string {
    const trusted = this.ids().join(', ') || this.expected?.id;
    return `the server's key ${keys.map(({ id }) => id).join(', ')} is not the one that this agent trusts (${trusted ?? 'none'}); if it was changed for good, remove ${this.file}`;
  }

  private succeed(current: ServerKey, listed: readonly ServerKey[]): void {
    const known = this.state.keys.find(({ id }) => id === current.id);
    if (known === undefined) {
      if (publicKeyOf(current) === null) return;
      this.log.warn({ server_key: current.id }, 'the server has a new key, as the one before says');
    }
    const until = Date.now() + OVERLAP_MS;
    const retiring = this.state.keys.filter(
      ({ id }) => id !== current.id && listed.some((key) => key.id === id),
    );
    this.state.keys = [
      { id: current.id, public_key: current.public_key },
      ...retiring.map((key) => ({ ...key, until: key.until ?? until })),
    ];
  }

  private pinned(): Pinned[] {
    const now = Date.now();
    return this.state.keys.filter(({ until }) => until === undefined || now < until);
  }

  private object(key: ServerKey): KeyObject | undefined {
    let object = this.objects.get(key.id) ?? null;
    if (object === null && (object = publicKeyOf(key)) !== null) this.objects.set(key.id, object);
    return object ?? undefined;
  }

  private load(server: string): TrustFile {
    const none = { server, host_uuid: null, root: null, keys: [] };
    const text = readTextOr(this.file);
    if (text === '') return none;
    try {
      const stored = TrustFile.parse(JSON.parse(text));
      // Whoever gives the agent another server means another one.
      return stored.server === server ? stored : none;
    } catch {
      throw new Error(`${this.file} makes no sense; remove it to trust the server's key anew`);
    }
  }

  private save(): void {
    writeFileAtomically(this.file, `${JSON.stringify(this.state, null, 2)}\n`);
  }
}
