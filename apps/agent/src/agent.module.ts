import { type DynamicModule, Module } from '@nestjs/common';
import { AgentHandlers } from './agent.handlers.js';
import { AttemptsService } from './attempts/attempts.service.js';
import { InstancesService } from './instances/instances.service.js';
import { QueriesService } from './queries/queries.service.js';
import { StandingService } from './standing/standing.service.js';

/** The agent's message handlers over parts that were opened before Nest starts (a lock or a disk may refuse). */
@Module({})
export class AgentModule {
  /** The module around what one agent does. */
  static with(
    attempts: AttemptsService,
    queries: QueriesService,
    standing: StandingService,
    instances: InstancesService,
  ): DynamicModule {
    return {
      module: AgentModule,
      controllers: [AgentHandlers],
      providers: [
        { provide: AttemptsService, useValue: attempts },
        { provide: QueriesService, useValue: queries },
        { provide: StandingService, useValue: standing },
        { provide: InstancesService, useValue: instances },
      ],
    };
  }
}
