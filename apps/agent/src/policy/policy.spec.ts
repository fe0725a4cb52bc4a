import fc from 'fast-check';
import { type Order } from '#libs/protocol/index';
import { type AgentPolicy } from './agent-policy.js';
import { decide, withCaps } from './decide.js';
import { runFactsOf } from './facts.js';
import { matches, matchesPlainly, shellLine } from './patterns.js';
import { parsePolicy, PolicyError } from './parse.js';
import { isWithin } from './windows.js';

const KEY = Buffer.alloc(32, 7).toString('base64');
const OTHER_KEY = Buffer.alloc(32, 8).toString('base64');

describe('a policy', () => {
  it('is what its file says', () => {
    const policy = parsePolicy(`
# Who may do what on this host.
kinds: [scripts, commands, queries]
interpreters: [/bin/sh, python3]
users: [deploy, www-data]
commands:
  allow: ["systemctl status *", uptime]
  deny:
    - "*--force*"
  env: [LC_*]
tables:
  deny: [shadow]
windows:
  - { days: [mon-fri], from: 22:00, to: 06:00, timezone: Europe/Prague }
max_timeout_seconds: 600
max_output_bytes: 10MiB
limits: { memory_bytes: 1 GiB, processes: 64, cpu_seconds: 60, open_files: 256, file_bytes: 1GB, disk_bytes: 2gb, output_bytes: 1048576 }
signatures:
  signers:
    - { name: ann, key: "${KEY}" }
    - { name: bob, key: "${OTHER_KEY}" }
  root_shell: 2
`);
    expect(policy).toEqual({
      kinds: ['scripts', 'commands', 'queries'],
      interpreters: ['/bin/sh', 'python3'],
      users: ['deploy', 'www-data'],
      commands: { allow: ['systemctl status *', 'uptime'], deny: ['*--force*'], env: ['LC_*'] },
      tables: { deny: ['shadow'] },
      windows: [{ days: ['mon-fri'], from: '22:00', to: '06:00', timezone: 'Europe/Prague' }],
      max_timeout_seconds: 600,
      max_output_bytes: 10 * 1024 * 1024,
      limits: {
        memory_bytes: 2 ** 30,
        processes: 64,
        cpu_seconds: 60,
        open_files: 256,
        file_bytes: 1e9,
        disk_bytes: 2e9,
        output_bytes: 1_048_576,
      },
      signatures: {
        signers: [
          { name: 'ann', key: KEY },
          { name: 'bob', key: OTHER_KEY },
        ],
        required: 1,
        root_shell: 2,
        queries: false,
      },
    });
  });

  it('that limits nothing has to say so', () => {
    expect(parsePolicy('{}')).toEqual({});
    for (const text of ['', '# nothing\n', '---\n', 'null\n'])
      expect(() => parsePolicy(text)).toThrow(/the file is empty/);
  });

  const signers = `signatures:\n  signers:\n    - { name: ann, key: "${KEY}" }\n`;
  const wrong: [string, number, string, RegExp][] = [
    ['kinds: [scripts, skripts]', 1, 'kinds[1]', /one of scripts, commands/],
    ['kinds: scripts', 1, 'kinds', /must be a list/],
    ['\nkindz: [scripts]', 2, 'kindz', /no such setting/],
    ['commands:\n  allow: [uptime]\n  forbid: [rm]', 3, 'commands.forbid', /no such setting/],
    ['commands:\n  - uptime', 1, 'commands', /must have keys and values/],
    ['commands:\n  allow:\n    - uptime\n    - 7', 4, 'commands.allow[1]', /must be text/],
    ['users: ["a b"]', 1, 'users[0]', /no user name/],
    ['windows: []', 1, 'windows', /nothing would ever run/],
    ['windows:\n  - from: 25:00', 2, 'windows[0].from', /a time like 22:00/],
    ['windows:\n  - from: 10:00\n    to: 10:00', 3, 'windows[0].to', /leave both out/],
    ['windows:\n  - days: [monday]', 2, 'windows[0].days[0]', /one of mon, tue/],
    ['windows:\n  - timezone: Mars/Olympus', 2, 'windows[0].timezone', /no time zone/],
    ['max_timeout_seconds: 0', 1, 'max_timeout_seconds', /whole number from 1/],
    ['max_timeout_seconds: ten', 1, 'max_timeout_seconds', /whole number/],
    ['max_output_bytes: 10 parsecs', 1, 'max_output_bytes', /a size, like 512MiB/],
    ['max_output_bytes: 10', 1, 'max_output_bytes', /at least 1024/],
    ['limits:\n  memory: 5', 2, 'limits.memory', /no such setting/],
    ['signatures: {}', 1, 'signatures.signers', /must be a list|is missing/],
    ['signatures:\n  signers: []', 2, 'signatures.signers', /names nobody/],
    ['signatures:\n  signers:\n    - name: ann', 3, 'signatures.signers[0].key', /is missing|must be text/],
    ['signatures:\n  signers:\n    - { name: ann, key: abc }', 3, 'signatures.signers[0].key', /no Ed25519/],
    [`${signers}    - { name: eve, key: "${KEY}" }`, 4, 'signatures.signers[1].key', /twice/],
    [`${signers}  required: 2`, 4, 'signatures.required', /more than there are signers/],
    [`${signers}  root_shell: 2`, 4, 'signatures.root_shell', /more than there are signers/],
    ['- scripts', 1, '', /must have keys and values/],
    ['kinds: [scripts', 1, '', /not YAML/],
    ['kinds: [scripts]\nkinds: [queries]', 2, '', /twice/],
    ['kinds:\n\t- scripts', 2, '', /tab/],
  ];
  it.each(wrong)('%j is refused, with line and field', (text, line, field, why) => {
    let thrown: unknown;
    try {
      parsePolicy(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(PolicyError);
    expect(thrown).toMatchObject({ line, field });
    expect((thrown as PolicyError).message).toMatch(why);
    expect((thrown as PolicyError).message).not.toContain('\n');
  });

  it('never fails in another way, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.string({ unit: fc.constantFrom(...'kinds: []{}&*!|>-\n\t "a1') }),
        ),
        (text) => {
          try {
            parsePolicy(text);
          } catch (error) {
            expect(error).toBeInstanceOf(PolicyError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

const NOON = new Date('2026-11-27T12:00:00Z'); // a Friday

function order(given: Partial<Order> & Pick<Order, 'kind' | 'payload'>): Order {
  return {
    attempt_id: '00000000-0000-4000-8000-000000000001',
    target_id: '00000000-0000-4000-8000-000000000002',
    execution_id: '00000000-0000-4000-8000-000000000003',
    lane: 'serial',
    content_sha256: '0'.repeat(64),
    clean_env: false,
    timeout_seconds: 300,
    grace_seconds: 5,
    output_cap_bytes: 1_048_576,
    expires_at: null,
    ...given,
  };
}

const script = (contents: string, more: Partial<Order> = {}): Order =>
  order({ kind: 'script', payload: { type: 'script', contents, arguments: [] }, ...more });
const command = (argv: string[], more: Partial<Order> = {}): Order =>
  order({ kind: 'command', payload: { type: 'command', argv }, ...more });
const shell = (line: string, more: Partial<Order> = {}): Order =>
  order({ kind: 'shell', payload: { type: 'shell', command: line }, ...more });

function refusal(policy: AgentPolicy, given: Order, at = NOON): string | undefined {
  return decide(policy, runFactsOf(given, 'root'), at)?.refused;
}

describe('a decision', () => {
  it('about kinds looks at what an order brings, whatever it calls itself', () => {
    const policy: AgentPolicy = { kinds: ['commands'] };
    expect(refusal(policy, command(['uptime']))).toBeUndefined();
    expect(refusal(policy, script('echo'))).toMatch(/^scripts are not among its kinds \(commands\)$/);
    expect(refusal(policy, shell('uptime'))).toMatch(/^shells are not/);
    expect(refusal(policy, command(['bash'], { kind: 'exec_session' }))).toMatch(/^sessions are not/);
    expect(refusal(policy, script('echo', { kind: 'instance' }))).toMatch(/^instances are not/);
    expect(refusal(policy, script('echo', { kind: 'command' }))).toMatch(/^scripts are not/);
    expect(refusal(policy, shell('echo', { kind: 'command' }))).toMatch(/^shells are not/);
    expect(refusal({ kinds: ['instances'] }, script('echo', { kind: 'instance' }))).toBeUndefined();
    expect(decide(policy, { type: 'query', standing: false }, NOON)?.refused).toMatch(/^queries are not/);
    expect(decide({ kinds: [] }, { type: 'query', standing: true }, NOON)?.refused).toMatch(/\(none\)/);
    expect(refusal({}, script('echo'))).toBeUndefined();
  });

  it('about interpreters reads the first line as the kernel does', () => {
    const policy: AgentPolicy = { interpreters: ['/bin/sh', 'python3'] };
    for (const allowed of [
      'echo',
      '#!/bin/sh\n',
      '#!/usr/bin/python3 -u\n',
      '#!/usr/bin/env python3\n',
      '#!/usr/bin/env -S python3 -u\n',
    ])
      expect(refusal(policy, script(allowed))).toBeUndefined();
    for (const denied of [
      '#!/bin/bash\n',
      '#!/usr/bin/env bash\n',
      '#!/tmp/sh\n',
      '#!/usr/bin/env -S A=b\\_bash python3\n',
      '#!\n',
    ])
      expect(refusal(policy, script(denied))).toMatch(/interpreter/);
    expect(refusal(policy, command(['perl']))).toBeUndefined();
  });

  it('about users knows as whom a run without one is', () => {
    const policy: AgentPolicy = { users: ['deploy'] };
    expect(refusal(policy, command(['id'], { user: 'deploy' }))).toBeUndefined();
    expect(refusal(policy, command(['id']))).toBe('nothing runs as root here');
    for (const user of ['0', 'Deploy', 'root', 'toor'])
      expect(refusal(policy, command(['id'], { user }))).toBe(`nothing runs as ${user} here`);
  });

  it('about commands compares whole lines', () => {
    const policy: AgentPolicy = { commands: { allow: ['systemctl status *', 'uptime'], deny: ['*shadow*'] } };
    for (const argv of [['uptime'], ['systemctl', 'status', 'nginx'], ['systemctl', 'status', 'a b', 'c;d']])
      expect(refusal(policy, command(argv))).toBeUndefined();
    for (const argv of [
      ['uptime', '-p'],
      ['/bin/uptime'],
      ['systemctl', 'status'],
      ['systemctl status nginx'],
      ['systemctl', 'stop', 'x'],
    ])
      expect(refusal(policy, command(argv))).toMatch(/^no pattern of its commands allows/);
    expect(refusal(policy, command(['systemctl', 'status', 'shadow']))).toBe(
      'commands like "*shadow*" are denied',
    );
    expect(refusal(policy, script('anything'))).toBeUndefined();
    expect(refusal(policy, command(['uptime'], { kind: 'exec_session' }))).toBeUndefined();
    expect(refusal(policy, command(['psql'], { kind: 'exec_session' }))).toMatch(/^no pattern/);
    expect(refusal({ commands: { deny: ['reboot*'] } }, shell(' reboot now'))).toMatch(/are denied/);
  });

  it('about shell lines lets nothing be appended', () => {
    const policy: AgentPolicy = { commands: { allow: ['systemctl status *', 'ls | wc -l'] } };
    expect(refusal(policy, shell('systemctl status nginx --no-pager'))).toBeUndefined();
    expect(refusal(policy, shell('ls | wc -l'))).toBeUndefined();
    for (const more of [
      '; rm -rf /',
      '$(id)',
      '`id`',
      '&& id',
      '| sh',
      '> /etc/passwd',
      '\nid',
      '*',
      '"',
      "'",
      '\\',
      '~',
      '# x',
      '{a,b}',
    ])
      expect(refusal(policy, shell(`systemctl status nginx ${more}`))).toMatch(/^no pattern/);
  });

  it('about variables keeps allowed programs what they are', () => {
    const policy: AgentPolicy = { commands: { allow: ['uptime'], env: ['LC_*', 'PGPASSWORD'] } };
    expect(refusal(policy, command(['uptime'], { env: { LC_ALL: 'C' } }))).toBeUndefined();
    expect(refusal(policy, command(['uptime'], { secrets: { env: { PGPASSWORD: 'x' } } }))).toBeUndefined();
    for (const more of [
      { env: { PATH: '/tmp' } },
      { secrets: { env: { LD_PRELOAD: 'x' } } },
      { secrets: { files: { BASH_ENV: 'x' } } },
    ])
      expect(refusal(policy, command(['uptime'], more))).toMatch(
        /^the variable (PATH|LD_PRELOAD|BASH_ENV) is not/,
      );
    for (const name of ['LC_X%%', 'LC_X=1 PATH', 'LC_A.B', 'LC_ A', 'LC_\n'])
      expect(refusal(policy, command(['uptime'], { env: { [name]: 'x' } }))).toMatch(/^the variable LC_/);
    expect(
      refusal({ commands: { deny: ['rm *'] } }, command(['uptime'], { env: { PATH: '/x' } })),
    ).toBeUndefined();
  });

  it('about time goes by windows, for what is started', () => {
    const policy: AgentPolicy = { windows: [{ from: '22:00', to: '06:00', timezone: 'UTC' }] };
    expect(refusal(policy, command(['id']))).toBe('nothing starts outside of its time windows');
    expect(refusal(policy, command(['id']), new Date('2026-11-27T23:30:00Z'))).toBeUndefined();
    expect(decide(policy, { type: 'query', standing: false }, NOON)).toBeNull();
  });

  it('knows what nobody can sign', () => {
    const signatures = { signers: [{ name: 'ann', key: KEY }], required: 1, queries: true };
    const instance = script('echo', { kind: 'instance' });
    const standing = { type: 'query', standing: true } as const;
    expect(refusal({ signatures }, instance)).toMatch(/signed by nobody/);
    expect(decide({ signatures }, standing, NOON)?.refused).toMatch(/signed by nobody/);
    expect(decide({ signatures: { ...signatures, queries: false } }, standing, NOON)).toBeNull();
    const unsigned = { signatures: { ...signatures, unsigned: ['instances' as const, 'standing' as const] } };
    expect(refusal(unsigned, instance)).toBeUndefined();
    expect(decide(unsigned, standing, NOON)).toBeNull();
    // Whether these are signed is the business of whoever checks signatures.
    expect(refusal({ signatures }, script('echo'))).toBeUndefined();
    expect(decide({ signatures }, { type: 'query', standing: false }, NOON)).toBeNull();
  });

  it('cuts bounds down and never up', () => {
    const asked = command(['id']);
    expect(withCaps({}, asked)).toBe(asked);
    expect(withCaps({ max_timeout_seconds: 1000, max_output_bytes: 2e9 }, asked)).toBe(asked);
    expect(withCaps({ max_timeout_seconds: 10 }, asked)).toEqual({ ...asked, timeout_seconds: 10 });
    expect(withCaps({ max_output_bytes: 2048 }, asked)).toEqual({ ...asked, output_cap_bytes: 2048 });
  });
});

describe('windows', () => {
  const night = [{ days: ['fri'], from: '22:00', to: '06:00', timezone: 'Europe/Prague' }];
  // Prague is one hour before UTC in winter, two in summer.
  const times: [string, boolean][] = [
    ['2026-11-27T20:59:00Z', false],
    ['2026-11-27T21:00:00Z', true],
    ['2026-11-28T04:59:00Z', true],
    ['2026-11-28T05:00:00Z', false],
    ['2026-11-28T21:30:00Z', false],
    ['2026-11-27T04:00:00Z', false],
    ['2026-07-03T20:00:00Z', true],
    ['2026-07-04T03:59:00Z', true],
    ['2026-07-04T04:00:00Z', false],
  ];
  it.each(times)('over midnight belong to the day on which they begin: %s is %s', (at, within) => {
    expect(isWithin(night, new Date(at))).toBe(within);
  });

  it('hold with any of them, on all days unless some are named', () => {
    const windows = [
      { days: ['sat-sun'], timezone: 'UTC' },
      { from: '11:00', to: '12:01', timezone: 'UTC' },
    ];
    expect(isWithin(windows, NOON)).toBe(true);
    expect(isWithin(windows, new Date('2026-11-27T12:01:00Z'))).toBe(false);
    expect(isWithin(windows, new Date('2026-11-29T23:59:59Z'))).toBe(true);
    expect(isWithin([{ from: '00:00', to: '24:00' }], NOON)).toBe(true);
  });
});

describe('patterns', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', ';'), maxLength: 12 });
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '*', '*'), maxLength: 8 });

  function naive(given: string, gap: string): RegExp {
    return new RegExp(`^${given.split('*').join(`${gap}*`)}$`, 's');
  }

  it('mean what a regular expression would', () => {
    fc.assert(
      fc.property(pattern, text, (p, t) => {
        expect(matches(p, t)).toBe(naive(p, '.').test(t));
        expect(matchesPlainly(p, t)).toBe(naive(p, '[ab ]').test(t));
      }),
      { numRuns: 5000 },
    );
  });

  it('see each word of a command as it is', () => {
    expect(shellLine(['a', 'b c', '', "it's", 'x;y', '*'])).toBe(`a 'b c' '' 'it'\\''s' 'x;y' '*'`);
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (a, b) => {
        fc.pre(JSON.stringify(a) !== JSON.stringify(b) && a.length > 0 && b.length > 0);
        expect(shellLine(a)).not.toBe(shellLine(b));
      }),
    );
  });

  it('are quick about long lines', () => {
    const long = 'ab'.repeat(500_000);
    expect(matches(`${'*a'.repeat(500)}*x`, long)).toBe(false);
    expect(matchesPlainly(`${'*b'.repeat(500)}*a*b`, long)).toBe(true);
  });
});
