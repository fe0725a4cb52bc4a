import * as fs from 'node:fs';
import * as path from 'node:path';
import { EnrollRequest } from '#libs/protocol/index';
import { removeTemporary, temporaryDirectory } from '../testing/temporary.js';
import { IdentityStore } from './identity.store.js';
import { StateDirInUseError, StateLock } from './lock.js';
import { asUuid, identifyMachine } from './machine.js';

afterAll(removeTemporary);

describe('the lock on a state directory', () => {
  it('keeps a second agent off, until the first lets go', () => {
    const directory = temporaryDirectory();
    const lock = StateLock.acquire(directory);
    expect(() => StateLock.acquire(directory)).toThrow(StateDirInUseError);
    lock.release();
    StateLock.acquire(directory).release();
    expect(fs.readdirSync(directory)).toEqual([]);
  });

  it.each([
    ['of a process that is gone', '{"pid":4194304,"start_time":1}'],
    ['of a number that another process got', `{"pid":${process.pid},"start_time":1}`],
    ['that was never finished', ''],
  ])('%s counts for nothing', (_name, content) => {
    const directory = temporaryDirectory();
    fs.writeFileSync(path.join(directory, 'lock'), content);
    StateLock.acquire(directory).release();
  });
});

describe('the identity', () => {
  it('belongs to one server', () => {
    const directory = temporaryDirectory();
    const store = new IdentityStore(directory, 'http://a');
    const identity = { node_key: 'k', host_id: 1, host_uuid: 'u' };
    expect(store.save(identity)).toEqual(store.load());
    expect(new IdentityStore(directory, 'http://b').load()).toBeNull();
    store.forget();
    expect(store.load()).toBeNull();
  });

  it('of the machine outlives a wiped state directory at the same path, and tells two paths apart', () => {
    const directory = temporaryDirectory();
    const before = identifyMachine(directory);
    expect(EnrollRequest.shape.hardware_uuid.safeParse(before.hardwareUuid).success).toBe(true);
    fs.rmSync(directory, { recursive: true });
    fs.mkdirSync(directory);
    expect(identifyMachine(directory).instance).toBe(before.instance);
    expect(identifyMachine(temporaryDirectory()).instance).not.toBe(before.instance);
  });

  it('of 32 digits becomes a uuid that the contract takes', () => {
    for (const digits of ['0'.repeat(32), 'f'.repeat(32), '3d1219c7c4c5404aaa1f6d2a48adfda4']) {
      expect(EnrollRequest.shape.hardware_uuid.safeParse(asUuid(digits)).success).toBe(true);
    }
  });
});
