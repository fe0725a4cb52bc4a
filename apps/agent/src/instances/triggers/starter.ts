import { randomUUID } from 'node:crypto';
import { type InstanceDefinition, type Order } from '#libs/protocol/index';
import { type AttemptsService } from '../../attempts/attempts.service.js';
import { errorMessage } from '../../platform/files.js';
import { type AgentLogger } from '../../platform/logger.js';
import { type InstanceStore } from '../instance-store.js';

/** Starts runs of instances through the engine that runs everything else. */
export class Starter {
  constructor(
    private readonly attempts: AttemptsService,
    private readonly store: InstanceStore,
    private readonly log: AgentLogger,
  ) {}

  /**
   * Starts a run whose trigger has fired.
   * @param seen what it fired for, which the journal keeps
   * @param onWritten once the run is certain, before it starts
   */
  async start(definition: InstanceDefinition, seen: string, onWritten: () => void): Promise<void> {
    const { id, name, start_trigger: trigger } = definition;
    if (trigger.type === 'manual') return;
    try {
      const order = orderOf(definition, this.store.content(definition.content_sha256));
      const mark = {
        trigger: { type: trigger.type, setting: trigger.setting },
        at: Date.now(),
        seen,
        contentSha256: definition.content_sha256,
        arguments: definition.arguments,
      };
      const refusal = await this.attempts.startTriggered(order, mark, onWritten);
      if (refusal === null)
        this.log.info({ instance: name, attempt_id: order.attempt_id }, 'a trigger fired');
      else
        this.log.warn(
          { instance: name, reason: refusal.reason, err: refusal.message },
          'a trigger fired in vain',
        );
    } catch (error) {
      this.log.error(
        { instance: name, instance_id: id, err: errorMessage(error) },
        'a trigger fired in vain',
      );
    }
  }
}

/** The run is told its attempt's id as that of its execution: the server makes that of it. */
function orderOf(definition: InstanceDefinition, contents: string): Order {
  const id = randomUUID();
  return {
    attempt_id: id,
    target_id: id,
    execution_id: id,
    kind: 'instance',
    lane: 'parallel',
    content_sha256: definition.content_sha256,
    payload: { type: 'script', contents, arguments: definition.arguments },
    clean_env: false,
    timeout_seconds: definition.timeout_seconds,
    grace_seconds: definition.grace_seconds,
    output_cap_bytes: definition.output_cap_bytes,
    expires_at: null,
    instance: { id: definition.id },
  };
}
