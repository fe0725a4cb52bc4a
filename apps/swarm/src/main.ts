import { readEnvironment } from './config/environment.js';
import { parseOptions, type SwarmOptions, UsageError } from './config/options.js';

/* Entry of `muster swarm`; process.argv is [node, muster, 'swarm', ...]. Everything heavy is loaded after the parse. */

const EXIT_NOT_ALL_CONNECTED = 1;

function readOptions(): SwarmOptions {
  const args = process.argv.slice(process.argv[2] === 'swarm' ? 3 : 2);
  // Overwrites the command line: an enroll secret that was given on it leaves the process list.
  process.title = 'muster swarm';
  return parseOptions(args, readEnvironment());
}

async function main(): Promise<number> {
  const options = readOptions();
  const [{ Swarm }, { expectOpenFiles }, { Progress, summary }, { listen, tell }] = await Promise.all([
    import('./swarm.js'),
    import('./platform/open-files.js'),
    import('./report/progress.js'),
    import('./report/control.js'),
  ]);
  expectOpenFiles(options.hosts);
  const swarm = new Swarm(options);
  const { statistics } = swarm;
  const progress = new Progress(statistics, process.stderr);
  const event = (name: string, values: object): Promise<void> =>
    options.json ? tell(process.stdout, name, values) : Promise.resolve();
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
    if (!options.json && !options.exitWithParent) return;
    const commands = {
      stats: () => void event('stats', statistics.view()),
      reset: () => {
        statistics.reset();
        void event('reset', {});
      },
      stop: () => resolve(),
    };
    listen(process.stdin, commands, () => options.exitWithParent && resolve());
  });
  const arrived = swarm.start().then(({ enrollSeconds, connectSeconds }) => {
    process.stderr.write(
      `all ${options.hosts} hosts are connected: enrolled in ${enrollSeconds.toFixed(1)} s, connected in ${connectSeconds.toFixed(1)} s\n`,
    );
    return event('ready', {
      hosts: options.hosts,
      enroll_seconds: enrollSeconds,
      connect_seconds: connectSeconds,
    });
  });
  // What goes wrong at the start ends it; what goes wrong later is retried and counted.
  await Promise.race([stopped, arrived.then(() => stopped)]);
  progress.stop();
  const view = statistics.view();
  swarm.stop();
  if (options.json) await event('summary', view);
  else await new Promise<void>((resolve) => process.stdout.write(summary(view), () => resolve()));
  return view.ever_connected < view.hosts ? EXIT_NOT_ALL_CONNECTED : 0;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    if (message !== '') process.stderr.write(`muster swarm: ${message}\n`);
    process.exit(error instanceof UsageError ? error.exitCode : 1);
  },
);
