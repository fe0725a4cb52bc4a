import { Module } from '@nestjs/common';
import { AgentsModule } from '#libs/agents/index';
import { ScriptsModule } from '#libs/scripts/index';
import { DispatcherService } from './dispatch/dispatcher.service.js';
import { ReaperService } from './dispatch/reaper.service.js';
import { ReconcileService } from './dispatch/reconcile.service.js';
import { SettlementsService } from './dispatch/settlements.service.js';
import { StopsService } from './dispatch/stops.service.js';
import { ExecutionsController } from './executions.controller.js';
import { ExecutionsRepository } from './executions.repository.js';
import { ExecutionsService } from './executions.service.js';
import { RunPolicy } from './fleet/run-policy.js';
import { ScriptResultsService } from './fleet/script-results.service.js';
import { ScriptRunsController } from './fleet/script-runs.controller.js';
import { ScriptRunsService } from './fleet/script-runs.service.js';
import { Nudges } from './results/nudges.js';
import { StartService } from './start.service.js';

/** The ledger. Needs an `AgentDispatcher` from whoever owns the agents' sockets. */
@Module({
  imports: [AgentsModule, ScriptsModule],
  controllers: [ExecutionsController, ScriptRunsController],
  providers: [
    DispatcherService,
    ExecutionsRepository,
    ExecutionsService,
    Nudges,
    ReaperService,
    ReconcileService,
    RunPolicy,
    ScriptResultsService,
    ScriptRunsService,
    SettlementsService,
    StartService,
    StopsService,
  ],
  exports: [ReconcileService, SettlementsService],
})
export class ExecutionsModule {}
