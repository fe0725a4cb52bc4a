import { loadSettings, SettingsError, type Settings } from '#libs/platform/config/index';
import { type RunningServer } from './server.js';

/** A start that failed is one clear line, not a stack. */
function giveUp(message: string, code: number): never {
  process.stderr.write(`muster server: ${message}\n`);
  process.exit(code);
}

function readSettings(): Settings {
  try {
    // eslint-disable-next-line no-restricted-syntax -- the one hand-over of the environment to its reader
    return loadSettings(process.env);
  } catch (error) {
    if (error instanceof SettingsError) giveUp(error.message, 2);
    throw error;
  }
}

function explain(error: unknown, settings: Settings): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE')
    return `port ${settings.port} on ${settings.host} is in use; set MUSTER_PORT to another one, or stop what uses it`;
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL')
    return `cannot listen on ${settings.host}:${settings.port} (${code})`;
  return message;
}

const settings = readSettings();
process.title = 'muster-server';
const [word] = process.argv.slice(process.argv[2] === 'server' ? 3 : 2);
if (word !== undefined) {
  const { keyCommand } = await import('./key-command.js');
  process.exit(keyCommand(word, settings, process.stdout, process.stderr));
}

// Only now: what the server is made of takes a second to load, a bad setting should not.
const starting = import('./server.js').then(({ startServer }) =>
  startServer(settings, (error) => giveUp(error.message, 1)),
);
let stopping = false;

function stop(): void {
  if (stopping) return;
  stopping = true;
  starting
    .then((server: RunningServer) => server.stop())
    .then(
      () => process.exit(0),
      () => process.exit(1),
    );
}

process.on('SIGTERM', stop);
process.on('SIGINT', stop);
if (settings.exitWithParent) process.stdin.on('end', stop).on('error', stop).resume();

starting.catch((error: unknown) => giveUp(explain(error, settings), 1));
