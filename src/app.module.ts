import { type DynamicModule, Global, Module } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { type DataSource } from 'typeorm';
import { AgentsModule } from '#libs/agents/index';
import { ConnectionsModule } from '#libs/connections/index';
import { ExecutionsModule } from '#libs/executions/index';
import { AuditModule } from '#libs/platform/audit/index';
import { AuthGuard, RequestLimitsModule } from '#libs/platform/auth/index';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { DatabaseModule } from '#libs/platform/database/index';
import { BodyInterceptor, DtoPipe } from '#libs/platform/http/index';
import { MetricsModule } from '#libs/platform/metrics/index';
import { SigningModule } from '#libs/platform/signing/index';
import { QueriesModule } from '#libs/queries/index';
import { SpecsModule } from '#libs/specs/index';
import { SessionsModule } from '#libs/sessions/index';
import { AgentConnectionsModule, AgentGatewayModule } from './agent-gateway/agent-gateway.module.js';
import { HealthController } from './health/health.controller.js';
import { LiveGatewayModule } from './live-gateway/live-gateway.module.js';

@Global()
@Module({})
class SettingsModule {
  static with(settings: Settings): DynamicModule {
    return {
      module: SettingsModule,
      providers: [{ provide: SETTINGS, useValue: settings }],
      exports: [SETTINGS],
    };
  }
}

const domains = [
  DatabaseModule,
  SigningModule,
  AuditModule,
  MetricsModule,
  RequestLimitsModule,
  SessionsModule,
  AgentsModule,
  AgentConnectionsModule,
  ConnectionsModule,
  ExecutionsModule,
  QueriesModule,
  SpecsModule,
  AgentGatewayModule,
  LiveGatewayModule.over([SessionsModule, ExecutionsModule, QueriesModule]),
];

/** The whole server, put together. */
@Module({})
export class AppModule {
  /** @param dataSource connected and migrated */
  static with(settings: Settings, dataSource: DataSource): DynamicModule {
    return {
      module: AppModule,
      imports: [
        SettingsModule.with(settings),
        TypeOrmModule.forRootAsync({
          useFactory: () => dataSource.options,
          dataSourceFactory: () => Promise.resolve(dataSource),
        }),
        ...domains,
      ],
      controllers: [HealthController],
      providers: [
        { provide: APP_GUARD, useClass: AuthGuard },
        { provide: APP_INTERCEPTOR, useClass: BodyInterceptor },
        { provide: APP_PIPE, useClass: DtoPipe },
      ],
    };
  }
}
