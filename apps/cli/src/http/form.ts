import { randomBytes } from 'node:crypto';

/** A body that is not JSON, as it is sent. */
export interface RawBody {
  readonly type: string;
  readonly bytes: Buffer;
}

/**
 * `multipart/form-data` with text fields and one file. Node's own `FormData` would load all of its `fetch`, which
 * costs more than the rest of a command.
 */
export function formWith(
  fields: Readonly<Record<string, string | undefined>>,
  field: string,
  file: { readonly name: string; readonly contents: Buffer },
): RawBody {
  const boundary = `muster-${randomBytes(16).toString('hex')}`;
  const head = (disposition: string): string =>
    `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n`;
  const texts = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${head(`name="${name}"`)}\r\n${value}\r\n`],
  );
  const opening = `${head(`name="${field}"; filename="${quoted(file.name)}"`)}Content-Type: application/octet-stream\r\n\r\n`;
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    bytes: Buffer.concat([
      Buffer.from(texts.join('') + opening),
      file.contents,
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]),
  };
}

/** As browsers do it. A backslash would escape what follows it. */
function quoted(name: string): string {
  const escapes: Record<string, string> = { '\n': '%0A', '\r': '%0D', '"': '%22', '\\': '\\\\' };
  return name.replace(/[\n\r"\\]/g, (character) => escapes[character] ?? '');
}
