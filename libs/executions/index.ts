export { Review, ReviewVote } from './approvals/review.entity.js';
export {
  AgentDispatcher,
  type Answering,
  type Arrived,
  type HostShare,
  type SharedOrder,
} from './dispatch/agent-dispatcher.js';
export { DispatcherService } from './dispatch/dispatcher.service.js';
export { ReconcileService } from './dispatch/reconcile.service.js';
export { SettlementsService } from './dispatch/settlements.service.js';
export { TriggeredRunsService, type TriggeredStatus } from './dispatch/triggered-runs.service.js';
export { Execution } from './execution.entity.js';
export { ExecutionStatement } from './statements/execution-statement.entity.js';
export { ExecSession } from './hoop/exec-session.entity.js';
export { ExecutionsModule } from './executions.module.js';
export { ExecutionsService } from './executions.service.js';
export { OutputChunk } from './output-chunk.entity.js';
export { Rollout } from './rollout/rollout.entity.js';
export { Target } from './target.entity.js';
