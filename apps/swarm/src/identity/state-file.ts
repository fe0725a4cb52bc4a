import { readFileSync, renameSync, writeFileSync } from 'node:fs';

interface Stored {
  readonly server: string;
  /** By hardware uuid. */
  readonly node_keys: Readonly<Record<string, string>>;
}

/** The node keys of simulated hosts, between two runs: a JSON file that its owner alone may read. */
export class StateFile {
  private readonly keys = new Map<string, string>();

  /**
   * @param path null: nothing is kept
   * @throws Error when the file is there and cannot be read, or belongs to another server
   */
  constructor(
    private readonly path: string | null,
    private readonly server: string,
  ) {
    const stored = path === null ? null : read(path);
    if (stored === null) return;
    if (stored.server !== server)
      throw new Error(`--state-file ${path} belongs to ${stored.server}: give another file, or remove it`);
    for (const [uuid, key] of Object.entries(stored.node_keys)) this.keys.set(uuid, key);
  }

  get(hardwareUuid: string): string | undefined {
    return this.keys.get(hardwareUuid);
  }

  /** Kept for good by `save`. */
  set(hardwareUuid: string, nodeKey: string): void {
    if (this.path !== null) this.keys.set(hardwareUuid, nodeKey);
  }

  /** Writes the file, all or nothing. */
  save(): void {
    if (this.path === null) return;
    const stored: Stored = { server: this.server, node_keys: Object.fromEntries(this.keys) };
    const draft = `${this.path}.${process.pid}`;
    writeFileSync(draft, JSON.stringify(stored), { mode: 0o600 });
    renameSync(draft, this.path);
  }
}

function read(path: string): Stored | null {
  try {
    const stored = JSON.parse(readFileSync(path, 'utf8')) as Stored;
    if (typeof stored.server !== 'string' || typeof stored.node_keys !== 'object')
      throw new Error('it holds something else');
    return stored;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new Error(`--state-file ${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
