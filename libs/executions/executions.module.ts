import { Module } from '@nestjs/common';
import { AgentsModule } from '#libs/agents/index';
import { ConnectionsModule } from '#libs/connections/index';
import { ScriptsModule } from '#libs/scripts/index';
import { ApprovalSweep } from './approvals/approval-sweep.js';
import { ApprovalsService } from './approvals/approvals.service.js';
import { ExecutionRuns } from './approvals/execution-runs.service.js';
import { ParkedTargets } from './approvals/parked-targets.js';
import { ParkingService } from './approvals/parking.service.js';
import { ReviewEnds } from './approvals/review-ends.service.js';
import { ReviewsController, SessionReviewsController } from './approvals/reviews.controller.js';
import { ReviewsRepository } from './approvals/reviews.repository.js';
import { ReviewsService } from './approvals/reviews.service.js';
import { DispatcherService } from './dispatch/dispatcher.service.js';
import { OrderSecrets } from './dispatch/order-secrets.js';
import { OrderSources } from './dispatch/order-sources.js';
import { ReaperService } from './dispatch/reaper.service.js';
import { ReconcileService } from './dispatch/reconcile.service.js';
import { OutputBounds } from './dispatch/output-bounds.js';
import { SettlementsService } from './dispatch/settlements.service.js';
import { StopsService } from './dispatch/stops.service.js';
import { TriggeredRunsService } from './dispatch/triggered-runs.service.js';
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
import { ExecSessionsController } from './hoop/exec-sessions.controller.js';
import { ExecSessionsRepository } from './hoop/exec-sessions.repository.js';
import { ExecSessionsService } from './hoop/exec-sessions.service.js';
import { SessionAnswers } from './hoop/session-answers.service.js';
import { SessionControl } from './hoop/session-control.service.js';
import { SessionDownloads } from './hoop/session-downloads.service.js';
import { SessionDownloadsController } from './hoop/session-downloads.controller.js';
import { SessionEvents } from './hoop/session-events.js';
import { SessionHosts } from './hoop/session-hosts.service.js';
import { SessionOrders } from './hoop/session-orders.js';
import { SessionProbes } from './hoop/session-probes.js';
import { SessionRetention } from './hoop/session-retention.service.js';
import { SessionStarts } from './hoop/session-starts.service.js';
import { SessionsController } from './hoop/sessions.controller.js';
import { SessionsService } from './hoop/sessions.service.js';
import { AnyHostService } from './osapi/any-host.service.js';
import { CommandTargetsService } from './osapi/command-targets.service.js';
import { CommandsController } from './osapi/commands.controller.js';
import { CommandsService } from './osapi/commands.service.js';
import { JobRetriesService } from './osapi/job-retries.service.js';
import { JobsController } from './osapi/jobs.controller.js';
import { JobsRepository } from './osapi/jobs.repository.js';
import { JobsService } from './osapi/jobs.service.js';
import { LedgerEntries } from './ledger-entries.repository.js';
import { Nudges } from './results/nudges.js';
import { OutputTailsRepository } from './results/output-tails.repository.js';
import { AllKindsRepository } from './ripex2/history/all-kinds.repository.js';
import { HostFactsController } from './ripex2/host-facts.controller.js';
import { HostFactsService } from './ripex2/host-facts.service.js';
import { HistoryRepository } from './ripex2/history/history.repository.js';
import { RunNames } from './ripex2/history/run-names.js';
import { InFlightRunsService } from './ripex2/in-flight-runs.service.js';
import { InstanceRunsService } from './ripex2/instance-runs.service.js';
import { OutputLinesService } from './ripex2/output-lines.service.js';
import { OverviewService } from './ripex2/overview.service.js';
import { RpcController } from './ripex2/rpc.controller.js';
import { RpcScopeService } from './ripex2/rpc-scope.service.js';
import { RunHistoryService } from './ripex2/run-history.service.js';
import { RunViewService } from './ripex2/run-view.service.js';
import { RolloutsRepository } from './rollout/rollouts.repository.js';
import { RolloutsService } from './rollout/rollouts.service.js';
import { RetentionService } from './retention.service.js';
import { ExecutionStatements } from './statements/execution-statements.service.js';
import { StartService } from './start.service.js';
import { WithdrawalsService } from './withdrawals.service.js';

/** The ledger. Needs an `AgentDispatcher` from whoever owns the agents' sockets. */
@Module({
  imports: [AgentsModule, ConnectionsModule, ScriptsModule],
  controllers: [
    ActivitiesController,
    BatchRunsController,
    CommandsController,
    ExecSessionsController,
    ExecutionsController,
    HostFactsController,
    HostScriptsController,
    JobsController,
    ReviewsController,
    RpcController,
    ScriptRunsController,
    SessionReviewsController,
    SessionDownloadsController,
    SessionsController,
  ],
  providers: [
    ActivitiesRepository,
    ActivitiesService,
    AllKindsRepository,
    AnyHostService,
    ApprovalSweep,
    ApprovalsService,
    BatchRunsRepository,
    BatchRunsService,
    CommandTargetsService,
    CommandsService,
    DispatcherService,
    ExecutionRuns,
    ExecSessionsRepository,
    ExecSessionsService,
    ExecutionStatements,
    ExecutionsRepository,
    ExecutionsService,
    HistoryRepository,
    RunNames,
    HostFactsService,
    HostScriptsService,
    InFlightRunsService,
    InstanceRunsService,
    JobRetriesService,
    JobsRepository,
    JobsService,
    LedgerEntries,
    Nudges,
    { provide: OrderSecrets, useClass: SessionOrders },
    OrderSources,
    ParkedTargets,
    ParkingService,
    OutputLinesService,
    OutputTailsRepository,
    OverviewService,
    ReaperService,
    ReconcileService,
    ReviewEnds,
    ReviewsRepository,
    ReviewsService,
    RetentionService,
    RolloutsRepository,
    RolloutsService,
    RpcScopeService,
    RunHistoryService,
    RunPolicy,
    RunViewService,
    ScriptResultsService,
    ScriptRunsService,
    SessionAnswers,
    SessionControl,
    SessionDownloads,
    SessionEvents,
    SessionHosts,
    SessionProbes,
    SessionRetention,
    SessionStarts,
    SessionsService,
    OutputBounds,
    SettlementsService,
    StartService,
    StopsService,
    TriggeredRunsService,
    WithdrawalsService,
  ],
  exports: [DispatcherService, ExecutionsService, ReconcileService, SettlementsService, TriggeredRunsService],
})
export class ExecutionsModule {}
