import { Module } from '@nestjs/common';
import { AgentsModule } from '#libs/agents/index';
import { ScriptsModule } from '#libs/scripts/index';
import { DispatcherService } from './dispatch/dispatcher.service.js';
import { NoOrderSecrets, OrderSecrets } from './dispatch/order-secrets.js';
import { ReaperService } from './dispatch/reaper.service.js';
import { ReconcileService } from './dispatch/reconcile.service.js';
import { SettlementsService } from './dispatch/settlements.service.js';
import { StopsService } from './dispatch/stops.service.js';
import { ExecutionsController } from './executions.controller.js';
import { ExecutionsRepository } from './executions.repository.js';
import { ExecutionsService } from './executions.service.js';
import { ActivitiesController } from './fleet/activities.controller.js';
import { ActivitiesRepository } from './fleet/activities.repository.js';
import { ActivitiesService } from './fleet/activities.service.js';
import { BatchRunsController } from './fleet/batch-runs.controller.js';
import { BatchRunsRepository } from './fleet/batch-runs.repository.js';
import { BatchRunsService } from './fleet/batch-runs.service.js';
import { HostScriptsController } from './fleet/host-scripts.controller.js';
import { HostScriptsService } from './fleet/host-scripts.service.js';
import { RunPolicy } from './fleet/run-policy.js';
import { ScriptResultsService } from './fleet/script-results.service.js';
import { ScriptRunsController } from './fleet/script-runs.controller.js';
import { ScriptRunsService } from './fleet/script-runs.service.js';
import { AnyHostService } from './osapi/any-host.service.js';
import { CommandTargetsService } from './osapi/command-targets.service.js';
import { CommandsController } from './osapi/commands.controller.js';
import { CommandsService } from './osapi/commands.service.js';
import { JobRetriesService } from './osapi/job-retries.service.js';
import { JobsController } from './osapi/jobs.controller.js';
import { JobsRepository } from './osapi/jobs.repository.js';
import { JobsService } from './osapi/jobs.service.js';
import { Nudges } from './results/nudges.js';
import { OutputTailsRepository } from './results/output-tails.repository.js';
import { RolloutsRepository } from './rollout/rollouts.repository.js';
import { RolloutsService } from './rollout/rollouts.service.js';
import { StartService } from './start.service.js';
import { WithdrawalsService } from './withdrawals.service.js';

/** The ledger. Needs an `AgentDispatcher` from whoever owns the agents' sockets. */
@Module({
  imports: [AgentsModule, ScriptsModule],
  controllers: [
    ActivitiesController,
    BatchRunsController,
    CommandsController,
    ExecutionsController,
    HostScriptsController,
    JobsController,
    ScriptRunsController,
  ],
  providers: [
    ActivitiesRepository,
    ActivitiesService,
    AnyHostService,
    BatchRunsRepository,
    BatchRunsService,
    CommandTargetsService,
    CommandsService,
    DispatcherService,
    ExecutionsRepository,
    ExecutionsService,
    HostScriptsService,
    JobRetriesService,
    JobsRepository,
    JobsService,
    Nudges,
    { provide: OrderSecrets, useClass: NoOrderSecrets },
    OutputTailsRepository,
    ReaperService,
    ReconcileService,
    RolloutsRepository,
    RolloutsService,
    RunPolicy,
    ScriptResultsService,
    ScriptRunsService,
    SettlementsService,
    StartService,
    StopsService,
    WithdrawalsService,
  ],
  exports: [ExecutionsService, ReconcileService, SettlementsService],
})
export class ExecutionsModule {}
