/** The swarm's settings as the environment gives them; this file alone reads it. */
export interface SwarmEnvironment {
  readonly server: string | undefined;
  readonly enrollSecret: string | undefined;
  /** Ends when standard input does. */
  readonly exitWithParent: boolean;
}

/** Reads the environment once. An empty value counts as none. */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): SwarmEnvironment {
  const text = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  return {
    server: text('MUSTER_SERVER'),
    enrollSecret: text('MUSTER_ENROLL_SECRET'),
    exitWithParent: env['MUSTER_EXIT_WITH_PARENT'] === '1',
  };
}
