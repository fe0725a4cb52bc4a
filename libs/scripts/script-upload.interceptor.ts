import {
  type CallHandler,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import { type Request, type Response } from 'express';
import multer from 'multer';
import { type Observable } from 'rxjs';
import { DomainError } from '#libs/platform/errors/index';
import { IdPipe } from '#libs/platform/http/index';
import { MAX_BYTES_PER_CHARACTER, SAVED_SCRIPT_LIMIT, tooLong, unixNewlines } from './script-contents.js';

/** A form as it came: at most one file `script`, and text fields. */
export interface ScriptUpload {
  /** Null where the form has no file of that name. */
  readonly file: { readonly name: string; readonly contents: Buffer } | null;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The longest script there can be, with room for the other parts of the form. */
const FORM_LIMIT_BYTES = MAX_BYTES_PER_CHARACTER * SAVED_SCRIPT_LIMIT.characters + 64 * 1024;
/** How long the rest of a refused form is still read, so that its sender comes to read the answer. */
const LINGER_MS = 1_000;

const UPLOAD = Symbol('script upload');
type WithUpload = Request & { [UPLOAD]?: ScriptUpload };

/** Handler parameter: the form that `ScriptUploadInterceptor` read. */
export const Upload = createParamDecorator((_: unknown, context: ExecutionContext): ScriptUpload => {
  const upload = context.switchToHttp().getRequest<WithUpload>()[UPLOAD];
  if (!upload) throw new Error('a handler without ScriptUploadInterceptor asked for its upload');
  return upload;
});

/** Reads the form of an upload into memory, after the guards; CRLF in the script becomes LF. */
@Injectable()
export class ScriptUploadInterceptor implements NestInterceptor {
  private readonly ids = new IdPipe();

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const request = context.switchToHttp().getRequest<WithUpload>();
    const response = context.switchToHttp().getResponse<Response>();
    hangUpAfterAnswer(request, response);
    // Pipes run after interceptors, and an address that is none is told before the form is read.
    const { id } = request.params;
    if (typeof id === 'string') this.ids.transform(id, { type: 'param', data: 'id' });
    if (!request.is('multipart/form-data')) throw malformed();
    request[UPLOAD] = await receive(request, response);
    return next.handle();
  }
}

/** @throws DomainError malformed; invalid or too_large as soon as there is more than any script can have */
async function receive(request: Request, response: Response): Promise<ScriptUpload> {
  await new Promise<void>((resolve, reject) => {
    let fileBegun = false;
    const parse = multer({
      limits: { fields: 20, fieldSize: 64 * 1024, parts: 40 },
      defParamCharset: 'utf8',
      // Other files are skipped, as other fields are.
      fileFilter: (_request, file, decide) => {
        if (file.fieldname !== 'script') return decide(null, false);
        if (fileBegun) return decide(malformed('only one file `script` may be given'));
        fileBegun = true;
        decide(null, true);
      },
      // multer itself would read an upload without end to its end before it told what is wrong with it.
      streamHandler: (incoming, parser) => {
        let received = 0;
        const count = (part: Buffer): void => {
          received += part.length;
          if (received <= FORM_LIMIT_BYTES) return;
          incoming.off('data', count).unpipe(parser).resume();
          reject(fileBegun ? tooLarge() : new DomainError('too_large', 'The form is too large.'));
        };
        incoming.on('data', count).pipe(parser);
      },
    }).any();
    parse(request, response, (error?: unknown) =>
      error ? reject(error instanceof DomainError ? error : malformed(describe(error))) : resolve(),
    );
  });
  const [file] = (request as unknown as { files: multer.File[] }).files;
  return {
    file: file ? { name: file.originalname, contents: unixNewlines(file.buffer) } : null,
    fields: (request.body ?? {}) as Record<string, unknown>,
  };
}

/** Whoever goes on sending after the answer is hung up on. */
function hangUpAfterAnswer(request: Request, response: Response): void {
  response.once('finish', () => {
    if (request.complete) return;
    const timer = setTimeout(() => request.socket.destroy(), LINGER_MS);
    request.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
  });
}

function tooLarge(): DomainError {
  return new DomainError('invalid', { name: 'script', reason: tooLong(SAVED_SCRIPT_LIMIT) });
}

function malformed(detail?: string): DomainError {
  return new DomainError(
    'malformed',
    `failed to parse multipart form${detail === undefined ? '' : `: ${detail}`}`,
  );
}

/** multer's and its parser's own words, `Unexpected end of form` say; never what was sent. */
function describe(error: unknown): string {
  return error instanceof Error ? error.message : 'it cannot be read';
}
