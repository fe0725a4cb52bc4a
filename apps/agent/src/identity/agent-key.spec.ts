import * as fs from 'node:fs';
import * as path from 'node:path';
import { decodePublicKey, verifySignature } from '#libs/protocol/index';
import { createLogger } from '../platform/logger.js';
import { removeTemporary, temporaryDirectory } from '../testing/temporary.js';
import { AgentKey } from './agent-key.js';

afterAll(removeTemporary);

const bytes = Buffer.from('what is signed');
let logged = '';
const log = createLogger('info', { write: (line: string) => void (logged += line) });

it('is made once, for its owner alone, and signs', () => {
  const directory = temporaryDirectory();
  const key = AgentKey.open(directory, log);
  const file = path.join(directory, 'agent.key');
  expect(fs.statSync(file).mode & 0o777).toBe(0o600);
  const again = AgentKey.open(directory, log);
  expect(again.publicKey).toBe(key.publicKey);
  const { publicKey } = decodePublicKey(key.publicKey)!;
  expect(verifySignature(publicKey, bytes, Buffer.from(again.sign(bytes), 'base64url'))).toBe(true);
  expect(AgentKey.open(temporaryDirectory(), log).publicKey).not.toBe(key.publicKey);
  expect(logged).toBe('');
});

it('that cannot be read is made anew, which is said', () => {
  const directory = temporaryDirectory();
  const { publicKey } = AgentKey.open(directory, log);
  fs.writeFileSync(path.join(directory, 'agent.key'), 'torn');
  expect(AgentKey.open(directory, log).publicKey).not.toBe(publicKey);
  expect(logged).toContain('cannot be read');
});
