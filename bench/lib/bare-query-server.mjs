/**
 * What any server on Socket.IO has to do for a live query, and nothing else: one order to all, an acknowledgement for each
 * answer. Run as a child: prints its port, then for each line on standard input one round, as JSON: milliseconds from the
 * order to the first answer and to the last.
 */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { Server } from 'socket.io';

const SQL = 'select name, version from os_version';
let campaign = 0;
let began = 0;
let first = 0;
let answers = 0;

const http = createServer((request, response) => {
  request.resume().once('end', () => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ node_key: randomUUID(), host_id: 1, host_uuid: randomUUID() }));
  });
});
const agents = new Server(http, { destroyUpgrade: false, serveClient: false }).of('/agents');
agents.on('connection', (socket) => {
  socket.on('hello', (_, answer) =>
    answer({ ok: true, host_id: 1, host_uuid: randomUUID(), server_time: Date.now(), stale: [] }),
  );
  socket.on('answer', (_, answer) => {
    answer({ ok: true, status: 'ok' });
    answers += 1;
    if (answers === 1) first = performance.now() - began;
    if (answers === agents.sockets.size) say({ first, finished: performance.now() - began });
  });
});
createInterface({ input: process.stdin })
  .on('line', () => {
    began = performance.now();
    answers = 0;
    campaign += 1;
    const limits = { milliseconds: 10_000, memory_bytes: 268_435_456, rows: 10_000 };
    agents.emit('query', { queries: [{ campaign_id: campaign, sql: SQL, limits }] });
  })
  .on('close', () => process.exit());
http.listen(0, '127.0.0.1', () => say({ port: http.address().port }));

function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
