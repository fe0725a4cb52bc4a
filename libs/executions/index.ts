export { AgentDispatcher } from './dispatch/agent-dispatcher.js';
export { ReconcileService } from './dispatch/reconcile.service.js';
export { SettlementsService } from './dispatch/settlements.service.js';
export { Execution } from './execution.entity.js';
export { ExecutionsModule } from './executions.module.js';
export { ExecutionsService } from './executions.service.js';
export { OutputChunk } from './output-chunk.entity.js';
export { Target } from './target.entity.js';
