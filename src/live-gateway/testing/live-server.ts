import { type AddressInfo } from 'node:net';
import { type DynamicModule, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { ExecutionsService } from '#libs/executions/index';
import { CampaignStreams } from '#libs/queries/index';
import { Authenticator, type Caller, RequestLimiter, type Role } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { fleetVersions } from '#libs/platform/http/index';
import { Metrics, MetricsModule } from '#libs/platform/metrics/index';
import { SocketIoAdapter } from '../../socket-io.adapter.js';
import { DEFAULT_LIMITS, type LiveLimits } from '../limits.js';
import { LiveGatewayModule } from '../live-gateway.module.js';
import { MemoryCampaigns } from './memory-campaigns.js';

/** Tokens that a test gives and takes. */
class MemoryTokens extends Authenticator {
  readonly callers = new Map<string, Caller>();

  give(token: string, globalRole: Role = 'admin', mustResetPassword = false): void {
    this.callers.set(token, {
      userId: 1,
      email: 'somebody@example.com',
      globalRole,
      teamRoles: new Map(),
      rights: null,
      scope: null,
      sessionId: 1,
      apiTokenId: null,
      address: '',
      mustResetPassword,
    });
  }

  isSetUp(): Promise<boolean> {
    return Promise.resolve(true);
  }

  async authenticate(token: string, address: string): Promise<Caller> {
    const caller = this.callers.get(token);
    if (!caller) throw new DomainError('credentials_invalid', 'Authentication required');
    return { ...caller, address };
  }
}

export interface LiveServer {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  readonly campaigns: MemoryCampaigns;
  readonly tokens: MemoryTokens;
  /** Ten refusals of an address in ten seconds. */
  readonly limiter: RequestLimiter;
  /** Value of the gauge. */
  subscribers(): Promise<number>;
  close(): Promise<void>;
}

@Module({})
class SourcesModule {}

/** The live gateway alone, on a real port, over campaigns in memory. The token `good` is an admin's. */
export async function startLiveServer(limits: Partial<LiveLimits> = {}): Promise<LiveServer> {
  const campaigns = new MemoryCampaigns();
  const tokens = new MemoryTokens();
  const limiter = new RequestLimiter({ tokenRate: 0, refusedRate: 1 });
  tokens.give('good');
  const provided = [
    { provide: CampaignStreams, useValue: campaigns },
    { provide: Authenticator, useValue: tokens },
    { provide: RequestLimiter, useValue: limiter },
    // The output of executions is followed on a real server, end to end.
    { provide: ExecutionsService, useValue: {} },
  ];
  const sources: DynamicModule = {
    module: SourcesModule,
    global: true,
    providers: provided,
    exports: provided.map(({ provide }) => provide),
  };
  const root: DynamicModule = {
    module: class LiveServerModule {},
    imports: [sources, MetricsModule, LiveGatewayModule.over([], { ...DEFAULT_LIMITS, ...limits })],
  };
  const app = await NestFactory.create<NestExpressApplication>(root, {
    logger: false,
    bodyParser: false,
    abortOnError: false,
    forceCloseConnections: true,
  });
  app.use(fleetVersions);
  app.useWebSocketAdapter(new SocketIoAdapter(app, 10));
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    campaigns,
    tokens,
    limiter,
    subscribers: async () => (await app.get(Metrics).liveSubscribers.get()).values[0]?.value ?? 0,
    close: () => app.close(),
  };
}
