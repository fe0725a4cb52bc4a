import * as fs from 'node:fs';
import * as path from 'node:path';
import { createLogger } from '../platform/logger.js';
import { orderFor } from '../testing/protocol-server.js';
import { removeTemporary, temporaryDirectory } from '../testing/temporary.js';
import { PolicyGuard } from './policy-guard.js';
import { runPolicyCommand } from './policy-command.js';
import { PolicyFileError } from './policy-file.js';

const guards: PolicyGuard[] = [];
let directory: string;
let file: string;

beforeEach(() => {
  directory = temporaryDirectory();
  file = path.join(directory, 'policy.yml');
});
afterEach(() => guards.splice(0).forEach((guard) => guard.close()));
afterAll(removeTemporary);

function write(text: string, mode = 0o600): void {
  fs.writeFileSync(`${file}.new`, text, { mode });
  fs.chmodSync(`${file}.new`, mode);
  fs.renameSync(`${file}.new`, file);
}

function open(required = true): PolicyGuard {
  const guard = PolicyGuard.open({ file, required }, createLogger('error', { write: () => undefined }));
  guards.push(guard);
  return guard;
}

const order = orderFor({ type: 'script', contents: 'true', arguments: [] }, { kind: 'script' });
const message = (guard: PolicyGuard): string | undefined => guard.denies(order)?.message;

describe('the guard', () => {
  it('is asked before each run, and knows the file as it is at that moment', () => {
    write('kinds: [queries]\n');
    const guard = open();
    let changes = 0;
    guard.onChange(() => (changes += 1));
    expect(guard.denies(order)).toEqual({
      reason: 'denied',
      message: "denied by the agent's policy: scripts are not among its kinds (queries)",
    });
    write('kinds: [scripts]\n');
    expect(guard.denies(order)).toBeNull();
    expect(guard.deniesQuery(false)).toMatch(/queries are not among its kinds/);
    expect(changes).toBe(1);
    expect(guard.allowsInstances()).toBe(false);
    write('tables: { deny: [Shadow] }\nmax_timeout_seconds: 7\n');
    expect(guard.deniedTables()).toEqual(['shadow']);
    expect(guard.capped(order).timeout_seconds).toBe(7);
    expect(guard.allowsNoLonger(guard.capped(order))).toBe(true);
    expect(guard.allowsInstances()).toBe(true);
  });

  it('lets nothing happen once the file cannot be followed, until it can', () => {
    write('{}');
    const guard = open();
    expect(guard.denies(order)).toBeNull();
    write('kinds: [scripts\n');
    expect(message(guard)).toMatch(
      /^denied by the agent's policy: the policy \S+policy.yml, line \d: not YAML/,
    );
    expect(guard.deniesQuery(true)).toMatch(/not YAML/);
    expect(guard.allowsInstances()).toBe(false);
    expect(guard.deniedTables()).toBeNull();
    // Nor is anything without limits because nobody can say which ones there are.
    for (const ask of [() => guard.capped(order), () => guard.limits()])
      expect(ask).toThrow(/^denied by the agent's policy: .*not YAML/);
    write('{}');
    expect(guard.denies(order)).toBeNull();
    expect(guard.deniedTables()).toEqual([]);
    fs.rmSync(file);
    expect(message(guard)).toMatch(/cannot be read \(ENOENT\)/);
    write('{}');
    expect(guard.denies(order)).toBeNull();
    fs.chmodSync(file, 0o666);
    expect(message(guard)).toMatch(/can be written by others/);
  });

  it('goes without a file nobody named, and follows it from the moment it is there', () => {
    const guard = open(false);
    expect(guard.current()).toBeNull();
    expect(guard.denies(order)).toBeNull();
    expect(guard.deniedTables()).toEqual([]);
    expect(guard.capped(order)).toBe(order);
    write('kinds: []');
    expect(message(guard)).toMatch(/\(none\)/);
  });

  const unsafe: [string, () => void, RegExp][] = [
    ['that does not exist', () => undefined, /cannot be read \(ENOENT\)/],
    ['that is wrong', () => write('kinds: [all]'), /line 1: kinds\[0\]: must be one of/],
    ['that its group can write', () => write('{}', 0o620), /can be written by others/],
    ['that is a directory', () => fs.mkdirSync(file), /is no file/],
    [
      'in a directory that everybody can write',
      () => {
        write('{}');
        fs.chmodSync(directory, 0o777);
      },
      /others could put another in its place/,
    ],
    [
      'behind a link into such a directory',
      () => {
        const open = path.join(directory, 'open');
        fs.mkdirSync(open);
        fs.chmodSync(open, 0o777);
        fs.writeFileSync(path.join(open, 'real.yml'), '{}', { mode: 0o600 });
        fs.symlinkSync(path.join(open, 'real.yml'), file);
      },
      /others could put another in its place/,
    ],
  ];
  it.each(unsafe)('does not begin with a file %s', (_what, prepare, why) => {
    prepare();
    expect(() => open()).toThrow(why);
    expect(() => open()).toThrow(PolicyFileError);
  });

  (process.getuid?.() === 0 ? it : it.skip)('does not believe what belongs to somebody else', () => {
    write('{}');
    fs.chownSync(file, 1, 1);
    expect(() => open()).toThrow(/must be owned by root or by the account of the agent/);
  });
});

describe('muster agent policy check', () => {
  function check(...args: string[]): { code: number; out: string; err: string } {
    let [out, err] = ['', ''];
    const code = runPolicyCommand(args, { write: (text) => (out += text), error: (text) => (err += text) });
    return { code, out, err };
  }

  it('says in words what is allowed', () => {
    write('kinds: [commands, queries]\ncommands:\n  allow: ["systemctl status *"]\nmax_output_bytes: 1MiB\n');
    const { code, out, err } = check('check', file);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/is in order/);
    expect(out).toMatch(/kinds +commands, queries; no scripts, shells, sessions, instances\n/);
    expect(out).toMatch(/commands +"systemctl status \*"\n +with no variables of their own\n/);
    expect(out).toMatch(/output kept +at most 1 MiB\n/);
  });

  it('warns of what is rather not meant, and of a file that no agent would follow', () => {
    write('commands: { deny: ["rm *"] }', 0o666);
    const { code, err } = check('check', file);
    expect(code).toBe(0);
    expect(err).toMatch(/scripts and instances can run what they like/);
    expect(err).toMatch(/can be got around/);
    expect(err).toMatch(/an agent would not follow it as it is: .*chmod go-w/);
  });

  it('ends with 1 and names line and field of what is wrong', () => {
    write('kinds: [commands]\nmax_timeout_seconds: none\n');
    const { code, out, err } = check('check', file);
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(
      /policy.yml: line 2: max_timeout_seconds: must be a whole number from 1 to 604800\n$/,
    );
    expect(() => check('check', '/no/such')).toThrow(/cannot be read \(ENOENT\)/);
    expect(() => check('chekc', file)).toThrow(/unknown command/);
  });
});
