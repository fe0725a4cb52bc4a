import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';
import { sample } from './stats.mjs';

/* What a run is made of, each part alone: milliseconds of so many of them. */

/** Processes for a file that says `echo hello`. */
export async function fileSpawns(count) {
  const folder = mkdtempSync(join(tmpdir(), 'muster-bench-'));
  const file = join(folder, 'script');
  writeFileSync(file, 'echo hello', { mode: 0o700 });
  const samples = await sample(count, () => ended('/bin/sh', [file]));
  rmSync(folder, { recursive: true });
  return samples;
}

/** Processes that are told `echo hello` by their standard input. */
export function stdinSpawns(count, program) {
  return sample(count, () => ended(program, [], 'echo hello'));
}

/** Resolves when a process and its output have ended. */
function ended(program, args, stdin) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      detached: true,
      stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    child.stdin?.end(stdin);
    child.stdout.resume();
    child.stderr.resume();
    child.once('close', resolve);
  });
}

/** Rows, each in a transaction of its own. */
export async function commits(count, url) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('CREATE TABLE bench_commits (id int, text text)');
  const samples = await sample(count, (i) =>
    client.query({ name: 'bench', text: 'INSERT INTO bench_commits VALUES ($1, $2)', values: [i, 'hello'] }),
  );
  await client.query('DROP TABLE bench_commits');
  await client.end();
  return samples;
}

/** Messages with their acknowledgements. */
export async function socketRoundTrips(count) {
  const server = new Server(0, { transports: ['websocket'] });
  server.on('connection', (socket) => socket.on('ask', (_message, ack) => ack({ ok: true })));
  const socket = io(`http://127.0.0.1:${server.httpServer.address().port}`, { transports: ['websocket'] });
  await new Promise((resolve) => socket.once('connect', resolve));
  const samples = await sample(count, () => socket.emitWithAck('ask', { text: 'hello' }));
  socket.close();
  await server.close();
  return samples;
}

/** Requests for something that needs no database. */
export function requests(count, url) {
  return sample(count, () => fetch(url).then((response) => response.text()));
}
