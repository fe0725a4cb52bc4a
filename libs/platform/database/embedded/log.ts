export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Where the supervisor reports to; PostgreSQL's own lines arrive here at debug, its FATAL and PANIC at warn. */
export type Log = (level: LogLevel, message: string) => void;
