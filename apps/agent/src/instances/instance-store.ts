import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import { InstanceDefinition, type InstanceSet } from '#libs/protocol/index';
import { errorMessage, writeFileAtomically } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';

const StoredSet = z.object({ revision: z.string(), instances: z.array(InstanceDefinition) });
const Known = z.record(z.string(), z.object({ trigger: z.string(), seen: z.string(), at: z.number() }));
type Known = z.infer<typeof Known>;

/** Small changes of what is known gather for so long before they are written. */
const GATHER_MS = 1000;

/** The host's set of instances on its disk, scripts included, and what their triggers know: they go on after a restart without the server. */
export class InstanceStore {
  private set: z.infer<typeof StoredSet> | null;
  private known: Known;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly directory: string,
    private readonly log: AgentLogger,
  ) {
    this.set = this.read('set.json', StoredSet.nullable(), null);
    this.known = this.read('known.json', Known, {});
  }

  /** Of the set that is kept; null: none is. */
  get revision(): string | null {
    return this.set?.revision ?? null;
  }

  get instances(): readonly InstanceDefinition[] {
    return this.set?.instances ?? [];
  }

  /** Keeps a set in place of what was there. When it resolves it survives a crash; throws when it cannot be written. */
  replace({ revision, instances, contents }: InstanceSet): void {
    const scripts = path.join(this.directory, 'scripts');
    fs.mkdirSync(scripts, { recursive: true, mode: 0o700 });
    for (const [hash, content] of Object.entries(contents)) {
      if (digest(content) !== hash) throw new Error(`the content of ${hash} does not match its hash`);
      if (!this.holds(hash)) writeFileAtomically(path.join(scripts, hash), content);
    }
    const used = new Set(instances.map(({ content_sha256 }) => content_sha256));
    for (const hash of used) {
      if (!fs.existsSync(path.join(scripts, hash))) throw new Error(`the content of ${hash} is missing`);
    }
    const set = { revision, instances };
    writeFileAtomically(path.join(this.directory, 'set.json'), JSON.stringify(set));
    this.set = set;
    for (const name of fs.readdirSync(scripts)) if (!used.has(name)) fs.rmSync(path.join(scripts, name));
    const ids = new Set(instances.map(({ id }) => String(id)));
    this.known = Object.fromEntries(Object.entries(this.known).filter(([id]) => ids.has(id)));
  }

  /** A script's bytes; throws when they are not there, or not what they were. */
  content(hash: string): string {
    const content = fs.readFileSync(path.join(this.directory, 'scripts', hash), 'utf8');
    if (digest(content) !== hash) throw new Error('the script on disk is not the one that was sent');
    return content;
  }

  private holds(hash: string): boolean {
    try {
      return this.content(hash) !== null;
    } catch {
      return false;
    }
  }

  /** What an instance's trigger knew last, and when it was noted; null when it is another trigger now. */
  knownOf(id: number, trigger: string): { readonly seen: string; readonly at: number } | null {
    const known = this.known[String(id)];
    return known?.trigger === trigger ? known : null;
  }

  /** Notes what a trigger knows; it is written soon. Null: nothing. */
  note(id: number, trigger: string, seen: string | null): void {
    const before = this.known[String(id)];
    if (seen === null) {
      if (before === undefined) return;
      delete this.known[String(id)];
    } else {
      if (before?.trigger === trigger && before.seen === seen) return;
      this.known[String(id)] = { trigger, seen, at: Date.now() };
    }
    this.timer ??= setTimeout(() => this.save(), GATHER_MS).unref();
  }

  /** Writes what is known. */
  save(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    try {
      fs.mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      writeFileAtomically(path.join(this.directory, 'known.json'), JSON.stringify(this.known));
    } catch (error) {
      this.log.warn({ err: errorMessage(error) }, 'what triggers know could not be written to disk');
    }
  }

  private read<T>(name: string, schema: z.ZodType<T>, otherwise: T): T {
    try {
      return schema.parse(JSON.parse(fs.readFileSync(path.join(this.directory, name), 'utf8')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.log.warn({ file: name, err: errorMessage(error) }, 'instances on disk cannot be read');
      }
      return otherwise;
    }
  }
}

function digest(content: string): string {
  return createHash('sha256').update(content).digest('hex');
}
