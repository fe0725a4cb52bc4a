import { mkdirSync } from 'node:fs';
import { loadSettings, type Settings, SettingsError } from '#libs/platform/config/index';
import { wholeEnvironment } from '../config/environment.js';
import { type Context } from '../connect.js';
import { CliError, UsageError } from '../errors.js';
import { claimPort } from '../up/local-server.js';
import { Supervisor } from '../up/supervisor.js';

export interface UpOptions {
  readonly verbose?: boolean;
}

export async function up({ io }: Context, options: UpOptions): Promise<number> {
  const environment = wholeEnvironment();
  const settings = readSettings(environment);
  const port = await claimPort(settings);
  prepareDataDir(settings.dataDir);
  return new Supervisor(io, { ...settings, port }, environment, options.verbose === true).run();
}

function readSettings(environment: NodeJS.ProcessEnv): Settings {
  try {
    return loadSettings(environment);
  } catch (error) {
    if (error instanceof SettingsError) throw new UsageError(error.message);
    throw error;
  }
}

function prepareDataDir(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new CliError(
      `cannot make ${path} (${(error as NodeJS.ErrnoException).code ?? 'error'}): MUSTER_DATA_DIR sets another place`,
    );
  }
}
