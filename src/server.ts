import { type Server } from 'node:http';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { type Express, type Request } from 'express';
import helmet from 'helmet';
import { Audit } from '#libs/platform/audit/index';
import { callerOf } from '#libs/platform/auth/index';
import { type Settings, serverUrl } from '#libs/platform/config/index';
import { connectDatabase, dataSourceOptions } from '#libs/platform/database/index';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#libs/platform/database/embedded/index';
import { FleetErrors, HoopErrors, OsapiErrors, RpcErrors } from '#libs/platform/errors/index';
import {
  AllExceptionsFilter,
  fleetVersions,
  methodsAt,
  numericIds,
  osapiVersions,
  type RouteLayer,
} from '#libs/platform/http/index';
import { createLogger, PinoLoggerService } from '#libs/platform/logging/index';
import { AppModule } from './app.module.js';
import { ENTITIES } from './entities.js';
import { serveOpenApi } from './openapi.js';
import { SocketIoAdapter } from './socket-io.adapter.js';

export interface RunningServer {
  readonly url: string;
  /**
   * Stops listening, lets what is under way finish, closes the database.
   * @throws Error when that does not end in time, because a database does not answer, say: all that can be closed is
   */
  stop(): Promise<void>;
}

/**
 * Starts the API server: database (its own one when none is given), migrations, HTTP and WebSocket.
 * @param onFatal the embedded database could not be kept alive; nothing works any more
 * @throws Error with one clear line
 */
export async function startServer(
  settings: Settings,
  onFatal: (error: Error) => void,
): Promise<RunningServer> {
  const pino = createLogger(settings.logLevel);
  const logger = new PinoLoggerService(pino);
  Logger.overrideLogger(logger);
  await makeDataDirectory(settings.dataDir);
  const postgres = settings.databaseUrl === null ? await ownPostgres(settings, onFatal) : null;
  try {
    const dataSource = await connectDatabase(
      dataSourceOptions(settings.databaseUrl ?? postgres?.url ?? '', ENTITIES),
    );
    const app = await NestFactory.create<NestExpressApplication>(AppModule.with(settings, dataSource), {
      logger,
      bodyParser: false,
      abortOnError: false,
      forceCloseConnections: true,
      ...(settings.tls && { httpsOptions: settings.tls }),
    });
    configure(app, settings);
    limitTimes(app.getHttpServer());
    await app.listen(settings.port, settings.host);
    const url = serverUrl({ ...settings, port: (app.getHttpServer().address() as { port: number }).port });
    pino.info({ url, database: postgres ? 'embedded' : 'external' }, 'ready');
    return {
      url,
      stop: async () => {
        try {
          await closeInTime(app);
        } catch (error) {
          pino.error({ reason: String(error) }, 'not stopped in peace');
          throw error;
        } finally {
          await postgres?.stop();
        }
      },
    };
  } catch (error) {
    await postgres?.stop();
    throw error;
  }
}

/** Before a service manager loses its patience: most wait for 30 or 90 seconds. */
const CLOSE_MS = 15_000;

async function closeInTime(app: NestExpressApplication): Promise<void> {
  const timer = new AbortController();
  const late = delay(CLOSE_MS, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`something is still under way after ${CLOSE_MS / 1000} s; is the database there?`);
  });
  try {
    await Promise.race([app.close(), late]);
  } finally {
    timer.abort();
    late.catch(() => undefined);
  }
}

/** Whoever is slow to say what they want holds a connection no longer than this; how long an answer takes is another matter. */
function limitTimes(server: Server): void {
  server.headersTimeout = 10_000;
  server.requestTimeout = 120_000;
  // Longer than proxies keep theirs: the one who closes first should not be the one who is asked.
  server.keepAliveTimeout = 65_000;
}

/** Everything between the socket and the controllers. Also used to make the OpenAPI document. */
export function configure(
  app: NestExpressApplication,
  settings: Pick<Settings, 'heartbeatSeconds' | 'tls'>,
): void {
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  app.use(
    helmet({
      // Swagger UI styles itself inline; plain HTTP is the default on loopback.
      contentSecurityPolicy: {
        directives: { 'upgrade-insecure-requests': null, 'img-src': ["'self'", 'data:'] },
      },
      hsts: settings.tls !== null,
    }),
  );
  app.use(fleetVersions);
  app.use(osapiVersions);
  app.useWebSocketAdapter(new SocketIoAdapter(app, settings.heartbeatSeconds));
  const express: Express = app.getHttpAdapter().getInstance();
  express.param('id', numericIds);
  const routes = (): readonly RouteLayer[] => express.router.stack as unknown as RouteLayer[];
  app.useGlobalFilters(
    new AllExceptionsFilter(
      [new OsapiErrors(), new HoopErrors(), new RpcErrors(), new FleetErrors()],
      (path) => methodsAt(routes(), path),
      recordDenials(app),
    ),
  );
  serveOpenApi(app);
}

/** A refusal changes nothing else, so its audit row stands alone; the answer does not wait for it. */
function recordDenials(app: NestExpressApplication): (request: Request) => void {
  const audit = app.get(Audit);
  const logger = new Logger('Audit');
  return (request) => {
    const known = callerOf(request);
    if (!known) return;
    const { userId, email, address } = known.caller;
    const details = { method: request.method, path: request.path };
    audit
      .record(null, { userId, email, address, act: known.act, outcome: 'denied', details })
      .catch((error: unknown) => logger.error(error, { ...details, email }));
  };
}

async function makeDataDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`MUSTER_DATA_DIR: cannot create ${path} (${code})`, { cause: error });
  }
}

function ownPostgres(settings: Settings, onFatal: (error: Error) => void): Promise<EmbeddedPostgres> {
  const logger = new Logger('PostgreSQL');
  return startEmbeddedPostgres({
    dataDir: join(settings.dataDir, 'postgres'),
    log: (level, message) => logger[level === 'info' ? 'log' : level](message),
    onFatal,
  });
}
