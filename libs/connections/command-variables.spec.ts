import { namesVariables, withVariables } from './command-variables.js';

const opened = {
  plain: { HOST: 'db.example.com', PORT: '5432', ODD: '$PORT $& `id`' },
  env: { PASS: 'a secret' },
  files: { CERT: Buffer.from('x') },
};

it.each([
  [['psql', '-h$HOST', '--port=${PORT}'], true],
  [['psql', '-h', 'localhost'], false],
  [['awk', '{print $1}'], false],
  [['$HOST'], false],
  [['/bin/bash', '-c', 'echo "$HOST"'], false],
  [['sh', '-ec', 'echo "$HOST"'], false],
  [['/usr/bin/env', 'bash', '-c', 'echo "$HOST"'], false],
  [['bash', '$HOST'], true],
  [[], false],
])('%j names variables of its connection: %s', (command, names) => {
  expect(namesVariables(command)).toBe(names);
});

it('puts the values of variables where they are named, once, and leaves the rest', () => {
  expect(
    withVariables('db', ['$HOST', '-h$HOST', '--port=${PORT}x', '$ODD', '$OTHER', '$1$', 'x'], opened),
  ).toEqual(['$HOST', '-hdb.example.com', '--port=5432x', '$PORT $& `id`', '$OTHER', '$1$', 'x']);
});

it.each(['-p$PASS', '--cert=${CERT}'])('refuses %s: arguments are no place for secrets', (argument) => {
  expect(() => withVariables('db', ['client', '-h$HOST', argument], opened)).toThrow(
    /connection db names (PASS|CERT) in argument 2 of its command/,
  );
});
