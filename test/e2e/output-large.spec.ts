import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { ended, peakMemory, resultOf, run, startWorld, type Chunk, type World } from './support.js';

const MEGABYTE = 1024 * 1024;
const HALF = 32 * MEGABYTE;
const SIZE = 150_000_000;
const SCRIPT = `seq -f %09.0f 1 ${SIZE / 10}`;

let world: World;
let id: string;

/** The default cap: 64 MiB of 150 MB are kept. */
beforeAll(async () => {
  world = await startWorld();
  id = await run(world.client, world.host.id, SCRIPT);
});

/** Of the first, or the last, bytes of what the script prints. */
async function hashOf(end: 'head' | 'tail', bytes: number): Promise<string> {
  const [lines, all] = [Math.ceil(bytes / 10), SIZE / 10];
  const range = end === 'head' ? `1 ${lines}` : `${all - lines} ${all}`;
  const command = `seq -f %09.0f ${range} | ${end} -c ${bytes} | sha256sum`;
  return (await promisify(execFile)('sh', ['-c', command])).stdout.slice(0, 64);
}

it('150 MB of output end up as their first and last 32 MiB', async () => {
  const { target } = await ended(world.client, id);
  expect(target).toMatchObject({
    state: 'finished',
    exit_code: 0,
    stdout_bytes: SIZE,
    stderr_bytes: 0,
    truncated: true,
  });
  const [head, tail] = [createHash('sha256'), createHash('sha256')];
  const lengths = [0, 0];
  let dropped: number | undefined;
  for (let after = 0, done = false; !done;) {
    const { body } = await world.client.get(`/api/v1/executions/${id}/output?after=${after}&limit=100`);
    for (const { data, encoding, dropped_before } of body.chunks as Chunk[]) {
      dropped ??= dropped_before;
      const bytes = Buffer.from(data, encoding);
      (dropped === undefined ? head : tail).update(bytes);
      lengths[dropped === undefined ? 0 : 1]! += bytes.length;
    }
    ({ next: after, done } = body);
  }
  expect(lengths).toEqual([HALF, HALF]);
  expect(dropped).toBe(SIZE - 2 * HALF);
  expect(head.digest('hex')).toBe(await hashOf('head', HALF));
  expect(tail.digest('hex')).toBe(await hashOf('tail', HALF));
});

it('the result shows the last MiB of it, and says that there is more', async () => {
  const result = await resultOf(world.client, id);
  expect(result.truncated).toBe(true);
  expect(Buffer.byteLength(result.output as string)).toBe(MEGABYTE);
  expect(
    createHash('sha256')
      .update(result.output as string)
      .digest('hex'),
  ).toBe(await hashOf('tail', MEGABYTE));
});

it('agent and server stay small meanwhile', () => {
  expect(peakMemory(world.agent.pid)).toBeLessThan(220 * MEGABYTE);
  expect(peakMemory(world.server.pid)).toBeLessThan(400 * MEGABYTE);
});

it('the server stays small also when somebody asks for the largest page', async () => {
  const before = peakMemory(world.server.pid);
  const { body } = await world.client.get(`/api/v1/executions/${id}/output?limit=1000`);
  expect(body.chunks.length).toBeGreaterThan(0);
  expect(peakMemory(world.server.pid) - before).toBeLessThan(150 * MEGABYTE);
});
