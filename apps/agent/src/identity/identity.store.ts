import * as fs from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import { readTextOr, writeFileAtomically } from '../platform/files.js';

const StoredIdentity = z.object({
  server: z.string(),
  node_key: z.string().min(1),
  host_id: z.number(),
  host_uuid: z.string(),
});

/** Who this agent is to its server. */
export type StoredIdentity = z.infer<typeof StoredIdentity>;

/** Keeps the node key in the state directory, mode 0600. A key belongs to one server. */
export class IdentityStore {
  private readonly file: string;

  constructor(
    stateDir: string,
    private readonly server: string,
  ) {
    this.file = path.join(stateDir, 'identity.json');
  }

  /** The identity at this server, when there is one. */
  load(): StoredIdentity | null {
    try {
      const identity = StoredIdentity.parse(JSON.parse(readTextOr(this.file, 'null')));
      return identity.server === this.server ? identity : null;
    } catch {
      return null;
    }
  }

  /** Keeps an identity, durably. */
  save(identity: Omit<StoredIdentity, 'server'>): StoredIdentity {
    const stored = { ...identity, server: this.server };
    writeFileAtomically(this.file, `${JSON.stringify(stored, null, 2)}\n`);
    return stored;
  }

  /** The server does not know it any more. */
  forget(): void {
    fs.rmSync(this.file, { force: true });
  }
}
