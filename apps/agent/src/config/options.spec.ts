import * as fs from 'node:fs';
import * as path from 'node:path';
import { removeTemporary, temporaryDirectory } from '../testing/temporary.js';
import { UsageError } from './command-line.js';
import { readEnvironment } from './environment.js';
import { parseOptions } from './options.js';

afterAll(removeTemporary);

const none = readEnvironment({});
const server = ['--server', 'https://muster.example.com/'];

describe('the agent’s settings', () => {
  it('come from the command line, then the environment', () => {
    const env = readEnvironment({
      MUSTER_SERVER: 'http://env:1',
      MUSTER_ALLOW_PLAIN_HTTP: '1',
      MUSTER_ENROLL_SECRET: 'from-env',
      MUSTER_AGENT_STATE_DIR: '/env',
      MUSTER_SCRIPT_INTERPRETERS: '/bin/sh, python3',
      MUSTER_LOG_LEVEL: 'debug',
      MUSTER_EXIT_WITH_PARENT: '1',
      OTHER: 'passed on',
    });
    expect(parseOptions([], env)).toMatchObject({
      server: 'http://env:1',
      enrollSecret: 'from-env',
      stateDir: '/env',
      interpreters: ['/bin/sh', 'python3'],
      logLevel: 'debug',
      exitWithParent: true,
      environment: { OTHER: 'passed on' },
    });
    const flags = [
      '--enroll-secret',
      's',
      '--state-dir',
      '/f',
      '--hostname',
      'h',
      '--label',
      'a=b',
      '--label',
      'c=d',
    ];
    expect(parseOptions([...server, ...flags, '--disable-scripts', '--parallel', '3'], env)).toMatchObject({
      server: 'https://muster.example.com',
      enrollSecret: 's',
      stateDir: '/f',
      hostname: 'h',
      labels: { a: 'b', c: 'd' },
      scriptsEnabled: false,
      parallelSlots: 3,
    });
  });

  it('may name a plain server on this machine, or elsewhere when told so', () => {
    for (const local of ['http://localhost:1', 'http://127.0.0.1:1', 'http://127.1.2.3', 'http://[::1]:1'])
      expect(parseOptions(['--server', local], none).server).toBe(local);
    const elsewhere = 'http://muster.example.com';
    expect(parseOptions(['--server', elsewhere, '--allow-plain-http'], none).server).toBe(elsewhere);
  });

  it('say who answers live queries', () => {
    expect(parseOptions(server, none)).toMatchObject({ queriesEnabled: true, osquery: null });
    const given = parseOptions([...server, '--disable-queries', '--osquery', './osqueryi'], none);
    expect(given).toMatchObject({ queriesEnabled: false, osquery: path.resolve('osqueryi') });
    expect(parseOptions([...server, '--osquery', 'osqueryi'], none).osquery).toBe('osqueryi');
  });

  it('say where the policy is', () => {
    expect(parseOptions(server, none).policy).toEqual({
      file: '/etc/muster/agent-policy.yml',
      required: false,
    });
    const given = parseOptions([...server, '--policy', 'p.yml'], none);
    expect(given.policy).toEqual({ file: path.resolve('p.yml'), required: true });
  });

  it('take the secret from a file', () => {
    const file = path.join(temporaryDirectory(), 'secret');
    fs.writeFileSync(file, 'in-a-file\n');
    expect(parseOptions([...server, '--enroll-secret-file', file], none).enrollSecret).toBe('in-a-file');
  });

  const wrong: [string[], Record<string, string>, RegExp][] = [
    [[], {}, /--server .* is missing/],
    [['--server', 'ftp://x'], {}, /no http or https address/],
    [['--server', 'http://muster.example.com'], {}, /plain HTTP/],
    [['--server', 'http://127.0.0.1.example.com'], {}, /plain HTTP/],
    [['--server', 'http://10.0.0.1:8420'], {}, /plain HTTP/],
    [[...server, '--ca', '/no/such'], {}, /--ca .* \(ENOENT\)/],
    [[...server, '--ca', '/etc/hostname'], {}, /--ca .* holds no certificate/],
    [[...server, '--parallel', '0'], {}, /1 to 1024/],
    [[...server, '--label', 'nonsense'], {}, /must be key=value/],
    [[...server, '--label', 'a=b c'], {}, /must be key=value/],
    [[...server, '--enroll-secret-file', '/no/such'], {}, /cannot be read \(ENOENT\)/],
    [[...server, '--osquery', ''], {}, /--osquery must be the path/],
    [[...server, '--policy', ''], {}, /--policy must be the path/],
    [[...server, '--bogus'], {}, /unknown option/],
    [[...server, 'extra'], {}, /extra|too many arguments/],
    [server, { MUSTER_LOG_LEVEL: 'loud' }, /log level "loud"/],
    [server, { MUSTER_SCRIPT_INTERPRETERS: 'sh,,' }, /empty entry/],
  ];
  it.each(wrong)('%j %j are refused in one line', (args, env, message) => {
    const parse = () => parseOptions(args, readEnvironment(env));
    expect(parse).toThrow(message);
    expect(parse).toThrow(UsageError);
    expect(parse).not.toThrow(/\n/);
  });
});
