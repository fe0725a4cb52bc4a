import { type FSWatcher, watch } from 'node:fs';
import * as path from 'node:path';
import { type Needs } from '#libs/triggers/index';

/** What the package managers of Linux write to. */
const PACKAGE_DIRECTORIES = ['/var/lib/dpkg', '/var/lib/rpm', '/usr/lib/sysimage/rpm'];
/** Several changes at once are one. */
const GATHER_MS = 20;

interface Watched {
  readonly watcher: FSWatcher;
}

/**
 * Where the system tells of changes (inotify), nobody has to wait for the next look. A hint may be missing (a directory that does not
 * exist yet, too many watches): then the next look finds what has changed.
 */
export class Hints {
  private readonly watched = new Map<string, Watched>();
  /** Names in a directory that count; null: all of them. */
  private interests = new Map<string, Set<string> | null>();
  private readonly changed = new Set<string>();
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly customDirectory: string,
    private readonly onHint: (names: ReadonlySet<string>) => void,
  ) {}

  /** Follows what is needed now; also tries again what could not be watched before. */
  follow({ roots, files }: Needs): void {
    const interests = new Map<string, Set<string> | null>();
    for (const file of files.filter((name) => path.isAbsolute(name))) {
      const directory = path.dirname(file);
      const names = interests.get(directory) ?? new Set<string>();
      interests.set(directory, names.add(path.basename(file)));
    }
    const needed = (name: string): boolean => roots === 'all' || roots.has(name);
    if (needed('custom')) interests.set(this.customDirectory, null);
    if (needed('packages')) for (const directory of PACKAGE_DIRECTORIES) interests.set(directory, null);
    this.interests = interests;
    for (const [directory, { watcher }] of this.watched) {
      if (interests.has(directory)) continue;
      watcher.close();
      this.watched.delete(directory);
    }
    for (const directory of interests.keys()) if (!this.watched.has(directory)) this.watch(directory);
  }

  close(): void {
    this.follow({ roots: new Set(), files: [] });
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private watch(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, (_event, name) => this.hear(directory, name));
      const entry = { watcher };
      // The directory itself went, say.
      watcher.on('error', () => this.forget(directory, entry));
      this.watched.set(directory, entry);
    } catch {
      // It does not exist, or there are too many watches.
    }
  }

  private hear(directory: string, name: string | null): void {
    const names = this.interests.get(directory);
    if (names === undefined) return;
    // A directory that is removed says its own name, and is watched no more by the kernel.
    if (name === path.basename(directory)) this.forget(directory, this.watched.get(directory));
    else if (names !== null && name !== null && !names.has(name)) return;
    if (names !== null) this.changed.add('files');
    else this.changed.add(directory === this.customDirectory ? 'custom' : 'packages');
    this.timer ??= setTimeout(() => {
      this.timer = null;
      const changed = new Set(this.changed);
      this.changed.clear();
      this.onHint(changed);
    }, GATHER_MS);
  }

  private forget(directory: string, entry: Watched | undefined): void {
    entry?.watcher.close();
    if (entry !== undefined && this.watched.get(directory) === entry) this.watched.delete(directory);
  }
}
