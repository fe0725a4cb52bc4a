import { type ConnectionType } from './connection.entity.js';

/** The variables and files that a session's process gets. */
export interface SessionSecrets {
  /** By name of the variable. */
  readonly env: Readonly<Record<string, string>>;
  /** What a file holds, by name of the variable that holds its path. */
  readonly files: Readonly<Record<string, Buffer>>;
}

interface Subtype {
  readonly type: ConnectionType;
  /** Reads the session's script from its standard input; names no secret: arguments are seen by everybody on the host. */
  readonly command: readonly string[];
  /** An input that tells whether it works and changes nothing; default: none at all. */
  readonly probe?: string;
  /** What hoop calls a variable, and what this client calls it. */
  readonly env?: Readonly<Record<string, string>>;
  /** A file of options for a client that takes no password from the environment. */
  readonly file?: (env: Readonly<Record<string, string>>) => { readonly name: string; readonly text: string };
}

/** A line of shell that has the arguments of the session as "$@". */
const shell = (line: string, name: string): string[] => ['/bin/sh', '-c', line, name];

const POSTGRES: Subtype = {
  type: 'database',
  probe: 'SELECT 1;\n',
  command: ['psql', '-X', '-v', 'ON_ERROR_STOP=1', '-A', '-F', '\t', '-P', 'pager=off'],
  env: {
    HOST: 'PGHOST',
    PORT: 'PGPORT',
    USER: 'PGUSER',
    PASS: 'PGPASSWORD',
    DB: 'PGDATABASE',
    SSLMODE: 'PGSSLMODE',
  },
};
const MYSQL: Subtype = {
  type: 'database',
  probe: 'SELECT 1;\n',
  command: shell('exec mysql --defaults-extra-file="$MYSQL_OPTIONS_FILE" --batch "$@"', 'mysql'),
  file: (env) => ({ name: 'MYSQL_OPTIONS_FILE', text: mysqlOptions(env) }),
};
const SQLITE: Subtype = {
  type: 'database',
  probe: 'SELECT 1;\n',
  command: shell(
    `{ printf '.open "%s"\\n' "\${SQLITE_DATABASE:-\${DB:-:memory:}}"; cat; } | sqlite3 -bail -batch "$@"`,
    'sqlite3',
  ),
};
const PYTHON: Subtype = { type: 'custom', command: ['python3', '-u', '-'] };
const NODE: Subtype = { type: 'custom', command: ['node', '-'] };

/** Clients by subtype. Passwords go by the environment or by a file, never into arguments. */
const SUBTYPES: Readonly<Record<string, Subtype>> = {
  postgres: POSTGRES,
  postgresql: POSTGRES,
  psql: POSTGRES,
  mysql: MYSQL,
  mariadb: MYSQL,
  sqlite: SQLITE,
  sqlite3: SQLITE,
  mssql: {
    type: 'database',
    probe: 'SELECT 1\nGO\n',
    command: ['sqlcmd', '-b', '-r', '-W', '-s', '\t', '-i', '/dev/stdin'],
    env: { HOST: 'SQLCMDSERVER', USER: 'SQLCMDUSER', PASS: 'SQLCMDPASSWORD', DB: 'SQLCMDDBNAME' },
  },
  mongodb: {
    type: 'database',
    command: [
      'mongosh',
      '--quiet',
      '--nodb',
      '--eval',
      'db = connect(process.env.CONNECTION_STRING)',
      '--shell',
    ],
  },
  oracledb: {
    type: 'database',
    probe: 'SELECT 1 FROM dual;\n',
    command: shell(
      `{ printf 'connect "%s"/"%s"@//%s:%s/%s\\n' "$USER" "$PASS" "$HOST" "\${PORT:-1521}" "\${SID:-$DB}"; cat; } | sqlplus -s /nolog "$@"`,
      'sqlplus',
    ),
  },
  redis: {
    type: 'database',
    probe: 'PING\n',
    command: shell('exec redis-cli -h "${HOST:-127.0.0.1}" -p "${PORT:-6379}" "$@"', 'redis-cli'),
    env: { PASS: 'REDISCLI_AUTH' },
  },
  bash: { type: 'custom', command: ['/bin/bash'] },
  sh: { type: 'custom', command: ['/bin/sh'] },
  python: PYTHON,
  python3: PYTHON,
  node: NODE,
  nodejs: NODE,
  ruby: { type: 'custom', command: ['ruby', '-'] },
  perl: { type: 'custom', command: ['perl', '-'] },
  php: { type: 'custom', command: ['php'] },
};

/** The command of a connection that names none; empty: there is none for this subtype. */
export function defaultCommand(subtype: string): readonly string[] {
  return find(subtype)?.command ?? [];
}

/**
 * What can be given to a connection's command to see whether it works; null: nobody knows what it would do, so it is not run.
 * @param recipe `command` empty: that of the subtype
 */
export function probeOf(recipe: {
  readonly type: string;
  readonly subtype: string;
  readonly command: readonly string[];
}): string | null {
  const known = find(recipe.subtype);
  if (!known) return null;
  const own = recipe.command.length > 0 && JSON.stringify(recipe.command) !== JSON.stringify(known.command);
  if (own && (recipe.type !== 'database' || known.probe === undefined)) return null;
  return known.probe ?? '';
}

/** What is stored for a connection, as its client wants it: variables under the names that the client reads, too. */
export function forClient(subtype: string, secrets: SessionSecrets): SessionSecrets {
  const known = find(subtype);
  if (!known) return secrets;
  const env: Record<string, string> = { ...secrets.env };
  for (const [given, wanted] of Object.entries(known.env ?? {})) {
    const value = secrets.env[given];
    if (value !== undefined) env[wanted] ??= value;
  }
  const file = known.file?.(secrets.env);
  if (!file || secrets.files[file.name] !== undefined) return { env, files: secrets.files };
  return { env, files: { ...secrets.files, [file.name]: Buffer.from(file.text) } };
}

function find(subtype: string): Subtype | undefined {
  const name = subtype.toLowerCase();
  return Object.hasOwn(SUBTYPES, name) ? SUBTYPES[name] : undefined;
}

/** An option file of the client of MySQL and MariaDB. */
function mysqlOptions(env: Readonly<Record<string, string>>): string {
  const option = (name: string, ...variables: string[]): string => {
    const value = variables.map((variable) => env[variable]).find((given) => given !== undefined);
    return value === undefined
      ? ''
      : `${name}="${value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"\n`;
  };
  return `[client]
${option('host', 'MYSQL_HOST', 'HOST')}${option('port', 'MYSQL_TCP_PORT', 'PORT')}${option('user', 'MYSQL_USER', 'USER')}${option('password', 'MYSQL_PWD', 'PASS')}[mysql]
${option('database', 'MYSQL_DATABASE', 'DB')}`;
}
