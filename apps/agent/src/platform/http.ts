import * as http from 'node:http';
import * as https from 'node:https';

/** What came back. */
export interface JsonAnswer {
  readonly status: number;
  /** Null when the body is no JSON. */
  readonly body: unknown;
}

/** Far more than any answer of ours. */
const MAX_BODY = 1024 * 1024;

/**
 * Posts JSON, until the signal says to give up. Node's own http client, which the WebSocket uses anyway: fetch would cost 10 MB for one request.
 * @param ca PEM text of the authorities that are trusted; null: those that Node knows
 */
export function postJson(
  url: string,
  value: unknown,
  signal: AbortSignal,
  ca: string | null,
): Promise<JsonAnswer> {
  const text = JSON.stringify(value);
  return new Promise((resolve, reject) => {
    const secure = url.startsWith('https:');
    const client = secure ? https : http;
    const trust = secure && ca !== null ? { ca } : {};
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const request = client.request(
      url,
      { method: 'POST', headers, agent: false, signal, ...trust },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          body += part;
          if (body.length > MAX_BODY) request.destroy(new Error('the answer is too long'));
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parse(body) }));
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(text);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
