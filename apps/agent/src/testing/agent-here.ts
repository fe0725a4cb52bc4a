import { Agent } from '../agent.js';
import { readEnvironment } from '../config/environment.js';
import { parseOptions } from '../config/options.js';
import { createLogger, type LogLevel } from '../platform/logger.js';

/** Where an agent for a test lives, and what becomes of its log. */
export interface AgentHere {
  readonly server: string;
  readonly stateDir: string;
  readonly enrollSecret?: string;
  readonly logLevel?: LogLevel;
  readonly write: (line: string) => void;
}

/** Starts an agent in this very process, which is therefore put into no cgroup. */
export function startAgentHere(
  { server, stateDir, enrollSecret = 'secret', logLevel = 'debug', write }: AgentHere,
  ...flags: readonly string[]
): Promise<Agent> {
  const args = ['--server', server, '--enroll-secret', enrollSecret, '--state-dir', stateDir, '--no-cgroups'];
  const options = parseOptions([...args, ...flags], { ...readEnvironment(), logLevel: undefined });
  return Agent.start(options, createLogger(logLevel, { write }));
}
