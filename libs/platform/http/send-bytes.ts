import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Response } from 'express';

/** Writes what the source yields and ends the response; a slow reader holds the source back, one that has gone ends it. */
export async function sendBytes(
  response: Response,
  headers: Readonly<Record<string, string>>,
  source: AsyncIterable<Buffer>,
): Promise<void> {
  response.status(200).set(headers);
  try {
    await pipeline(Readable.from(source, { objectMode: false, highWaterMark: 64 * 1024 }), response);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

/** Answers with what is JSON already, as it is: what Express does to a long text besides (turn it into bytes, take its hash) costs as much as writing it. */
export function sendJson(response: Response, json: Buffer): void {
  response.set({ 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': String(json.length) });
  response.end(json);
}
