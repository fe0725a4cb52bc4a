import { execFileSync } from 'node:child_process';
import { defaultCommand, forClient } from './subtypes.js';

describe('defaultCommand', () => {
  it.each([
    ['bash', ['/bin/bash']],
    ['python', ['python3', '-u', '-']],
    ['node', ['node', '-']],
    ['nodejs', ['node', '-']],
    ['Postgres', ['psql', '-X', '-v', 'ON_ERROR_STOP=1', '-A', '-F', '\t', '-P', 'pager=off']],
    ['', []],
    ['constructor', []],
    ['something', []],
  ])('%s: %j', (subtype, command) => {
    expect(defaultCommand(subtype)).toEqual(command);
  });

  it.each(['bash', 'sh', 'node'])('%s reads its script from standard input, with arguments', (subtype) => {
    const [program = '', ...args] = defaultCommand(subtype);
    const script = subtype === 'node' ? 'console.log(process.argv.at(-1))' : 'echo $1';
    const given = subtype === 'node' ? ['given'] : ['-s', 'given'];
    expect(execFileSync(program, [...args, ...given], { input: script }).toString()).toBe('given\n');
  });
});

describe('forClient', () => {
  it('gives psql the names that it reads, and leaves those alone that are there', () => {
    const { env, files } = forClient('postgres', {
      env: { HOST: 'db', PASS: 'secret', PGUSER: 'own', USER: 'other' },
      files: {},
    });
    expect(env).toMatchObject({ PGHOST: 'db', PGPASSWORD: 'secret', PGUSER: 'own' });
    expect(files).toEqual({});
  });

  it('gives mysql a file of options, so that no password is an argument', () => {
    const { files } = forClient('mysql', {
      env: { HOST: 'db', USER: 'u', PASS: 'a"b\\c', DB: 'shop' },
      files: {},
    });
    expect(files['MYSQL_OPTIONS_FILE']?.toString()).toBe(
      '[client]\nhost="db"\nuser="u"\npassword="a\\"b\\\\c"\n[mysql]\ndatabase="shop"\n',
    );
    const own = { MYSQL_OPTIONS_FILE: Buffer.from('own') };
    expect(forClient('mariadb', { env: {}, files: own }).files).toEqual(own);
  });

  it('changes nothing for what it does not know', () => {
    const secrets = { env: { HOST: 'x' }, files: { A: Buffer.from('x') } };
    expect(forClient('custom', secrets)).toBe(secrets);
    expect(forClient('', secrets)).toBe(secrets);
  });
});
