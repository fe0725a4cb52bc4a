import { type LoggerService } from '@nestjs/common';
import { pino, type DestinationStream, type Logger } from 'pino';

/** Structured logs, one JSON object per line. */
export type AgentLogger = Logger;

/** Levels that the settings know. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Whatever carries one of these names is no business of a log. */
const SECRETS = ['enroll_secret', 'node_key', 'auth', 'stdin', 'env', 'contents', 'payload'];

/** A logger on stdout. Secrets are not logged anywhere; redaction is there for the day that somebody forgets. */
export function createLogger(level: LogLevel, destination?: DestinationStream): AgentLogger {
  const options = {
    level,
    base: { component: 'agent' },
    timestamp: (): string => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string): { level: string } => ({ level: label }) },
    redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: '[secret]' },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** Nest's own words in the same form; its chatter about modules is for debugging. */
export function nestLogger(log: AgentLogger): LoggerService {
  const text = (message: unknown): string => (message instanceof Error ? message.message : String(message));
  return {
    log: (message: unknown) => log.debug(text(message)),
    error: (message: unknown) => log.error(text(message)),
    warn: (message: unknown) => log.warn(text(message)),
    debug: (message: unknown) => log.debug(text(message)),
    verbose: (message: unknown) => log.debug(text(message)),
  };
}
