import {
  type DynamicModule,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  RequestMethod,
  type Type,
} from '@nestjs/common';
import { type Request, type Response } from 'express';
import { FleetConversations } from './fleet/fleet-conversations.js';
import { DEFAULT_LIMITS, LIVE_LIMITS, type LiveLimits } from './limits.js';
import { LiveSubscriptions } from './live-subscriptions.js';
import { LiveGateway } from './socket-io/live.gateway.js';
import { SOCKJS_PREFIX, SockJsEndpoint } from './sockjs/sockjs-endpoint.js';
import { Upgrades } from './upgrades/upgrades.js';
import { WebSocketEndpoint } from './websocket/websocket-endpoint.js';

/** Live results for clients on WebSockets, SockJS and Socket.IO. */
@Module({})
export class LiveGatewayModule implements NestModule {
  /** @param imports modules that together provide `CampaignStreams`, `ExecutionsService` and `Authenticator` */
  static over(imports: Type[], limits: LiveLimits = DEFAULT_LIMITS): DynamicModule {
    return {
      module: LiveGatewayModule,
      imports,
      providers: [
        { provide: LIVE_LIMITS, useValue: limits },
        LiveSubscriptions,
        FleetConversations,
        WebSocketEndpoint,
        SockJsEndpoint,
        Upgrades,
        LiveGateway,
      ],
    };
  }

  constructor(private readonly sockjs: SockJsEndpoint) {}

  configure(consumer: MiddlewareConsumer): void {
    // Not the class: Nest would make another one of it.
    consumer
      .apply((request: Request, response: Response) => this.sockjs.answer(request, response))
      .forRoutes({ path: `${SOCKJS_PREFIX}/{*path}`, method: RequestMethod.ALL });
  }
}
