import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import * as path from 'node:path';
import { rawPublicKey } from '#libs/protocol/index';
import { readTextOr, writeFileAtomically } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';

const FILE = 'agent.key';

/**
 * The agent's own key (Ed25519), in the state directory, mode 0600: who has it comes back as the same host. It belongs to no server: one that moves to
 * another address still knows its hosts.
 */
export class AgentKey {
  /** 32 bytes, base64. */
  readonly publicKey: string;

  private constructor(private readonly privateKey: KeyObject) {
    this.publicKey = (rawPublicKey(privateKey) ?? Buffer.alloc(0)).toString('base64');
  }

  /** Makes one, durably, when there is none that can be read. */
  static open(stateDir: string, log: AgentLogger): AgentKey {
    const file = path.join(stateDir, FILE);
    const text = readTextOr(file);
    const kept = read(text);
    if (kept) return new AgentKey(kept);
    if (text !== '') log.warn({ file }, "this agent's key cannot be read: it makes another one");
    const { privateKey } = generateKeyPairSync('ed25519');
    writeFileAtomically(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    return new AgentKey(privateKey);
  }

  /** @returns base64url */
  sign(bytes: Uint8Array): string {
    return sign(null, bytes, this.privateKey).toString('base64url');
  }
}

function read(text: string): KeyObject | null {
  try {
    const key = createPrivateKey(text);
    return rawPublicKey(key) && key;
  } catch {
    return null;
  }
}
