import {
  type CallHandler,
  type CustomDecorator,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  SetMetadata,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import express, { type Request, type Response } from 'express';
import { type Observable } from 'rxjs';
import { DomainError } from '../errors/index.js';

/** Largest JSON body, after decompression: a 500,000-character script, escaped, with room around it. */
const BODY_LIMIT_BYTES = 8 * 1024 * 1024;

const READS_BODY_KEY = 'muster:reads-body';
const BODY_LIMIT_KEY = 'muster:body-limit';

/** The route takes no larger body, bytes after decompression: for routes that hear anybody. */
export const BodyLimit = (bytes: number): CustomDecorator => SetMetadata(BODY_LIMIT_KEY, bytes);

/** The route has an interceptor of its own that reads the body, whatever its type says. */
export const ReadsBodyItself = (): CustomDecorator => SetMetadata(READS_BODY_KEY, true);

const parsers = new Map<number, ReturnType<typeof express.json>>();

function parserOf(limit: number): ReturnType<typeof express.json> {
  const parser = parsers.get(limit) ?? express.json({ limit, strict: false, type: () => true });
  parsers.set(limit, parser);
  return parser;
}

/**
 * Reads JSON bodies, gzipped ones too. An interceptor runs after the guards, so nobody's body is read before
 * the caller is known, and a bad token is told before a bad body.
 */
@Injectable()
export class BodyInterceptor implements NestInterceptor {
  constructor(private readonly reflector: Reflector) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const request = context.switchToHttp().getRequest<Request>();
    if (context.getType() === 'http' && ['POST', 'PUT', 'PATCH', 'DELETE'].includes(request.method)) {
      const byItself = this.reflector.get<true | undefined>(READS_BODY_KEY, context.getHandler());
      if (byItself !== true && !request.is('multipart/form-data')) {
        const limit = this.reflector.get<number | undefined>(BODY_LIMIT_KEY, context.getHandler());
        await read(request, context.switchToHttp().getResponse<Response>(), limit ?? BODY_LIMIT_BYTES);
      }
    }
    return next.handle();
  }
}

async function read(request: Request, response: Response, limit: number): Promise<void> {
  const fromPage = request.headers.origin !== undefined || request.headers.referer !== undefined;
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  if (!hasBody) return;
  if (fromPage && !request.is('application/json')) {
    throw new DomainError('unsupported_media_type', 'Expected Content-Type "application/json"');
  }
  await new Promise<void>((resolve, reject) => {
    parserOf(limit)(request, response, (error?: unknown) =>
      error ? reject(explain(error, limit)) : resolve(),
    );
  });
}

function sizeOf(bytes: number): string {
  return bytes < 1024 * 1024 ? `${bytes / 1024} KiB` : `${bytes / 1024 / 1024} MiB`;
}

function explain(error: unknown, limit: number): Error {
  const { type = '', message } = error as { type?: string; message?: string };
  switch (type) {
    case 'entity.too.large':
      return new DomainError('too_large', `The body is larger than ${sizeOf(limit)}.`);
    case 'entity.parse.failed':
      // The parser's own message quotes the body, which may hold a password.
      return new DomainError('malformed', 'json decoder error: the body is not valid JSON');
    case 'encoding.unsupported':
    case 'charset.unsupported':
      return new DomainError('unsupported_media_type', message ?? 'unsupported encoding');
    default:
      if (
        /incorrect header check|unexpected end of file|invalid .*(block|code|distance)/.test(message ?? '')
      ) {
        return new DomainError('malformed', `gzip decoder error: ${message}`);
      }
      return new DomainError('malformed', message ?? 'the body could not be read');
  }
}
