/** The agent's settings as the environment gives them; this file alone reads it. */
export interface AgentEnvironment {
  readonly server: string | undefined;
  readonly ca: string | undefined;
  readonly allowPlainHttp: boolean;
  readonly enrollSecret: string | undefined;
  readonly serverKey: string | undefined;
  readonly stateDir: string | undefined;
  readonly scriptInterpreters: string | undefined;
  readonly logLevel: string | undefined;
  readonly exitWithParent: boolean;
  /** For the runs: everything but what is ours. */
  readonly passedOn: Readonly<Record<string, string>>;
}

/** Reads the environment once. An empty value counts as none. */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): AgentEnvironment {
  const passedOn: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !name.startsWith('MUSTER_')) passedOn[name] = value;
  }
  const text = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  return {
    server: text('MUSTER_SERVER'),
    ca: text('MUSTER_CA'),
    allowPlainHttp: env['MUSTER_ALLOW_PLAIN_HTTP'] === '1',
    enrollSecret: text('MUSTER_ENROLL_SECRET'),
    serverKey: text('MUSTER_SERVER_KEY'),
    stateDir: text('MUSTER_AGENT_STATE_DIR'),
    scriptInterpreters: text('MUSTER_SCRIPT_INTERPRETERS'),
    logLevel: text('MUSTER_LOG_LEVEL'),
    exitWithParent: env['MUSTER_EXIT_WITH_PARENT'] === '1',
    passedOn,
  };
}
