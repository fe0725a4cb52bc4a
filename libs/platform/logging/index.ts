export { createLogger, PinoLoggerService } from './logger.js';
