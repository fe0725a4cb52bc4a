import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  HttpException,
  Logger,
  NotFoundException,
} from '@nestjs/common';
import { type Request, type Response } from 'express';
import { isConnectionError, sqlState } from '../database/index.js';
import { DomainError, type ErrorCode, type ErrorDialect } from '../errors/index.js';

const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'malformed',
  401: 'credentials_invalid',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  409: 'conflict',
  413: 'too_large',
  415: 'unsupported_media_type',
  422: 'invalid',
  429: 'rate_limited',
  503: 'unavailable',
};

/** Answers every error in the envelope of the dialect that the path belongs to. */
@Catch()
export class AllExceptionsFilter implements ExceptionFilter {
  private readonly logger = new Logger('Http');

  /**
   * @param dialects the first one that speaks the path answers
   * @param methodsAt what other methods are served at a path: a 405 instead of a 404
   * @param onDenied told of every request that was refused for want of a right
   */
  constructor(
    private readonly dialects: readonly ErrorDialect[],
    private readonly methodsAt: (path: string) => string[],
    private readonly onDenied: (request: Request) => void,
  ) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    if (host.getType() !== 'http') throw exception;
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    const error =
      this.noRoute(exception, request, response) ??
      asDomainError(exception) ??
      new DomainError('internal', 'internal error', { cause: exception });
    if (error.code === 'internal')
      this.logger.error(exception, { method: request.method, path: request.path });
    if (error.code === 'forbidden') this.onDenied(request);
    if (response.headersSent) {
      response.end();
      return;
    }
    const dialect = this.dialects.find((d) => d.speaks(request.path));
    if (!dialect) throw new Error(`no dialect answers errors at ${request.path}`);
    const answer = dialect.answer(error);
    response.status(answer.status).set(answer.headers ?? {});
    response.json(answer.body);
  }

  /** Nest's own word for "no route" turned into ours. */
  private noRoute(exception: unknown, request: Request, response: Response): DomainError | null {
    if (!(exception instanceof NotFoundException)) return null;
    const methods = this.methodsAt(request.path);
    if (methods.length === 0) return new DomainError('not_found', `there is nothing at ${request.path}`);
    response.set('Allow', methods.join(', '));
    return new DomainError(
      'method_not_allowed',
      `${request.path} answers ${methods.join(', ')}, not ${request.method}`,
    );
  }
}

function asDomainError(exception: unknown): DomainError | null {
  if (exception instanceof DomainError) return exception;
  if (isConnectionError(exception))
    return new DomainError('unavailable', 'The database cannot be reached at the moment; try again.', {
      retryAfter: 1,
    });
  // A value that PostgreSQL cannot hold, and no check before has named.
  if (sqlState(exception)?.startsWith('22'))
    return new DomainError('malformed', (exception as Error).message);
  if (exception instanceof HttpException) {
    const code = CODE_OF_STATUS[exception.getStatus()];
    if (code) return new DomainError(code, exception.message);
  }
  // Path parameters that do not decode and the like come from Express with a status of their own.
  const status = (exception as { status?: unknown } | null)?.status;
  const code = typeof status === 'number' ? CODE_OF_STATUS[status] : undefined;
  return code ? new DomainError(code, (exception as Error).message) : null;
}
