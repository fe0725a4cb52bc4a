import { document, type Needs, type TreeNode } from '#libs/triggers/index';
import { errorMessage } from '../../platform/files.js';
import { type AgentLogger } from '../../platform/logger.js';
import { files } from './files.js';
import { type FactsSource } from './sources.js';

interface Kept {
  node: TreeNode | null;
  readAt: number;
  /** When it is too old. */
  expires: number;
  reading: Promise<void> | null;
}

/** The order of the elements of the root. */
const FILES = 'files';

/**
 * What is known of this host as a tree. Each element of the root is read when somebody needs it and what is known is too old; nobody pays
 * for the list of packages who does not look at it.
 */
export class FactsTree {
  private readonly kept = new Map<string, Kept>();

  constructor(
    private readonly sources: readonly FactsSource[],
    private readonly log: AgentLogger | null,
  ) {}

  /** Everything that is known is too old from now on. */
  invalidate(): void {
    for (const kept of this.kept.values()) kept.expires = -Infinity;
  }

  /** The system says that these have changed. */
  hint(names: ReadonlySet<string>): void {
    for (const { name, calmMs = 0 } of this.sources) {
      const kept = names.has(name) ? this.kept.get(name) : undefined;
      if (kept !== undefined) kept.expires = Math.min(kept.expires, kept.readAt + calmMs);
    }
  }

  /**
   * Reads the part of the tree that somebody needs.
   * @param use looks at it, at once: the elements are part of the next tree, too
   */
  async read<T>(needs: Needs, use: (root: TreeNode) => T): Promise<T> {
    const wanted = this.sources.filter(({ name }) => needs.roots === 'all' || needs.roots.has(name));
    const [watched] = await Promise.all([
      needs.roots === 'all' || needs.roots.has(FILES) ? files(needs.files) : null,
      ...wanted.map((source) => this.refresh(source)),
    ]);
    const known = wanted.map(({ name }) => this.kept.get(name)?.node ?? null);
    return use(document([...known, watched].filter((node) => node !== null)));
  }

  private async refresh(source: FactsSource): Promise<void> {
    const kept = this.kept.get(source.name) ?? {
      node: null,
      readAt: -Infinity,
      expires: -Infinity,
      reading: null,
    };
    this.kept.set(source.name, kept);
    // What is being read may have begun before the change that somebody heard of.
    if (kept.reading !== null) await kept.reading;
    const now = performance.now();
    if (now < kept.expires) return;
    kept.readAt = now;
    kept.expires = now + source.maxAgeMs;
    kept.reading = source
      .read()
      .then((node) => void (kept.node = node))
      .catch((error: unknown) => {
        this.log?.warn({ facts: source.name, err: errorMessage(error) }, 'facts cannot be read');
      })
      .finally(() => (kept.reading = null));
    await kept.reading;
  }
}

/** Everything that any of these needs. */
export function allNeeds(needs: readonly Needs[]): Needs {
  const all = needs.some(({ roots }) => roots === 'all');
  return {
    roots: all ? 'all' : new Set(needs.flatMap(({ roots }) => (roots === 'all' ? [] : [...roots]))),
    files: [...new Set(needs.flatMap(({ files: paths }) => paths))],
  };
}
