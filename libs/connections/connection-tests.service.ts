import { Injectable } from '@nestjs/common';
import { type Caller } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { type AgentState, ConnectionAgents } from './connection-agents.js';
import { commandOf } from './connection-view.js';
import { type ConnectionRow, ConnectionsRepository } from './connections.repository.js';
import { visible } from './connections.service.js';
import { ConnectionSecrets } from './secrets/connection-secrets.repository.js';

/** Whether a session through a connection could start: everything that can be said without running anything. */
@Injectable()
export class ConnectionTests {
  constructor(
    private readonly connections: ConnectionsRepository,
    private readonly agents: ConnectionAgents,
    private readonly secrets: ConnectionSecrets,
  ) {}

  /** @throws DomainError not_found; refused: why no session could start */
  async test(caller: Caller, nameOrId: string): Promise<void> {
    const row = visible(caller, nameOrId, await this.connections.find(nameOrId));
    await this.secrets.open(row.id);
    const [state = null] = await this.agents.states([row]);
    const problem = problemOf(row, state);
    if (problem !== null) throw new DomainError('refused', problem);
  }
}

function problemOf(row: ConnectionRow, state: AgentState | null): string | null {
  const { name, agent } = row;
  if (row.accessModeExec === 'disabled') return `sessions are switched off for connection ${name}`;
  if (commandOf(row).length === 0)
    return `connection ${name} has no command, and there is none for the subtype "${row.subtype}"`;
  if (state?.hosts === 0) return `agent ${agent} of connection ${name} not found`;
  if (state?.online === false) return `agent is offline: no host of "${agent}" is connected`;
  return null;
}
