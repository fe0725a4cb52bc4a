/** As much of multer as is used here; the package has no types of its own. */
declare module 'multer' {
  import { type Request, type RequestHandler } from 'express';
  import { type Writable } from 'node:stream';

  namespace multer {
    interface File {
      readonly fieldname: string;
      /** The file name without its path, as the client gave it. */
      readonly originalname: string;
      readonly buffer: Buffer;
    }

    interface Options {
      readonly limits?: {
        readonly fields?: number;
        readonly fieldSize?: number;
        readonly parts?: number;
      };
      readonly defParamCharset?: string;
      readonly fileFilter?: (
        request: Request,
        file: Pick<File, 'fieldname' | 'originalname'>,
        decide: (error: Error | null, accept?: boolean) => void,
      ) => void;
      /** Feeds the request to the parser. */
      readonly streamHandler?: (request: Request, parser: Writable) => void;
    }
  }

  /** Text fields become `request.body`, files `request.files`. */
  function multer(options: multer.Options): { any(): RequestHandler };
  export = multer;
}
