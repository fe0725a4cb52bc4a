import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { readTextOr } from '../platform/files.js';
import { instanceOf, ProtocolServer } from '../testing/protocol-server.js';
import { removeTemporary, temporaryDirectory } from '../testing/temporary.js';

const MUSTER = path.resolve(import.meta.dirname, '../../../../bin/muster');

let server: ProtocolServer;
let url: string;
const started: ChildProcess[] = [];

beforeEach(async () => {
  server = new ProtocolServer();
  url = await server.listen();
});
afterEach(async () => {
  for (const child of started.splice(0)) await kill(child);
  await server.close();
});
afterAll(removeTemporary);

function agentProcess(stateDir: string): ChildProcess {
  const args = ['agent', '--server', url, '--enroll-secret', 'secret', '--state-dir', stateDir];
  const child = spawn(process.execPath, [MUSTER, ...args], { stdio: 'ignore' });
  started.push(child);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // Nobody may have collected it; such a one is no process any more.
    return !readTextOr(`/proc/${pid}/stat`).includes(') Z ');
  } catch {
    return false;
  }
}

it('an agent that is killed while the server is away tells what its triggers had started, and starts nothing twice', async () => {
  const stateDir = temporaryDirectory();
  const notes = path.join(temporaryDirectory(), 'notes');
  const script = `echo $$ >> ${notes}; exec sleep 1000`;
  const trigger = { type: 'xpath', setting: `/files/file[@path='${notes}.flag']/size >= 0` } as const;
  const first = agentProcess(stateDir);
  await server.instances([instanceOf(script, { start_trigger: trigger })], [script]);
  await server.close();
  fs.writeFileSync(`${notes}.flag`, '');
  while (!fs.existsSync(notes) || fs.readFileSync(notes, 'utf8') === '')
    await new Promise((resolve) => setTimeout(resolve, 20));
  await kill(first);
  const [pid = Number.NaN] = fs.readFileSync(notes, 'utf8').trim().split('\n').map(Number);
  expect(alive(pid)).toBe(true);
  await server.listen();
  agentProcess(stateDir);
  await server.until(() => server.triggered.length === 1);
  const [run] = server.triggered;
  expect(await server.ended(run?.attempt_id ?? '')).toMatchObject({
    outcome: 'lost',
    reason: 'agent_died',
    stop_trigger: { type: 'system' },
  });
  expect(alive(pid)).toBe(false);
  // It has looked at its triggers: it answers what one of them says, and has started nothing.
  expect(await server.askFacts(trigger.setting)).toEqual({ value: true });
  expect(fs.readFileSync(notes, 'utf8').trim().split('\n')).toHaveLength(1);
  expect(server.triggered).toHaveLength(1);
});
