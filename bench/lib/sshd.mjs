import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const SSHD = '/usr/sbin/sshd';

/**
 * An sshd of one's own on loopback, and one kept connection to it. Null where there is none.
 * @returns `run(command)`, resolves to its output; `stop()`
 */
export async function startSshd() {
  if (!existsSync(SSHD)) return null;
  const folder = mkdtempSync(join(tmpdir(), 'muster-sshd-'));
  for (const name of ['host', 'user'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)]);
  writeFileSync(join(folder, 'authorized_keys'), readFileSync(join(folder, 'user.pub')), { mode: 0o600 });
  // Where it keeps its unprivileged process; made by the service otherwise.
  if (process.getuid() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const port = await freePort();
  const daemon = spawn(
    SSHD,
    [
      ...['-D', '-e', '-f', '/dev/null', '-h', join(folder, 'host'), '-p', String(port)],
      ...options(['ListenAddress=127.0.0.1', `AuthorizedKeysFile=${join(folder, 'authorized_keys')}`]),
      ...options(['StrictModes=no', 'UsePAM=no', 'PidFile=none']),
    ],
    { stdio: 'ignore' },
  );
  const control = join(folder, 'control');
  const target = ['-S', control, '-p', String(port), `${userInfo().username}@127.0.0.1`];
  const master = () =>
    execFileSync(
      'ssh',
      [
        ...['-M', '-N', '-f', '-i', join(folder, 'user'), '-F', 'none'],
        ...options(['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'BatchMode=yes']),
        ...target,
      ],
      { stdio: 'ignore', timeout: 10_000 },
    );
  for (let tries = 0; ; tries++) {
    await delay(100);
    try {
      master();
      break;
    } catch (error) {
      if (tries === 50) throw error;
    }
  }
  return {
    run: (command) =>
      new Promise((resolve, reject) =>
        execFile('ssh', ['-F', 'none', ...target, command], (error, stdout) =>
          error ? reject(error) : resolve(stdout),
        ),
      ),
    async stop() {
      execFileSync('ssh', ['-F', 'none', '-O', 'exit', ...target], { stdio: 'ignore' });
      const gone = new Promise((resolve) => daemon.once('exit', resolve));
      daemon.kill();
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function options(pairs) {
  return pairs.flatMap((pair) => ['-o', pair]);
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
