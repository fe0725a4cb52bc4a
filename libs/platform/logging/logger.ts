import { type LoggerService } from '@nestjs/common';
import { type Logger, pino } from 'pino';

/** Paths that never reach a log line, whoever logs them. */
const SECRETS = [
  'password',
  'token',
  'secret',
  'enroll_secret',
  'node_key',
  'authorization',
  '*.password',
  '*.token',
  '*.secret',
  '*.enroll_secret',
  '*.node_key',
  '*.authorization',
];

/** Structured log lines on stdout. */
export function createLogger(level: string): Logger {
  return pino({
    level,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: SECRETS, censor: '[secret]' },
  });
}

/** Nest's own tale of its start: every route, every module. For those who debug it. */
const CHATTY = new Set([
  'RoutesResolver',
  'RouterExplorer',
  'InstanceLoader',
  'NestFactory',
  'NestApplication',
  'WebSocketsController',
]);

/** Lets Nest's own `Logger` write through pino: `new Logger(Class.name).log('text', { field })`. */
export class PinoLoggerService implements LoggerService {
  constructor(private readonly pino: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.write('info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  private write(given: 'info' | 'error' | 'warn' | 'debug', message: unknown, rest: unknown[]): void {
    // Nest appends the context as the last string; everything before it is a field bag or a stack.
    const context = typeof rest.at(-1) === 'string' ? (rest.at(-1) as string) : undefined;
    const level = given === 'info' && context !== undefined && CHATTY.has(context) ? 'debug' : given;
    const fields: Record<string, unknown> = { context };
    for (const item of context === undefined ? rest : rest.slice(0, -1)) {
      if (item instanceof Error) fields['err'] = { message: item.message, stack: item.stack };
      else if (typeof item === 'object' && item !== null) Object.assign(fields, item);
      else if (item !== undefined) fields['stack'] = item;
    }
    if (message instanceof Error)
      this.pino[level](
        { ...fields, err: { message: message.message, stack: message.stack } },
        message.message,
      );
    else this.pino[level](fields, typeof message === 'string' ? message : JSON.stringify(message));
  }
}
