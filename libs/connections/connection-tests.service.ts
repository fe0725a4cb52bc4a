import { Injectable } from '@nestjs/common';
import { type Caller, may } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { type AgentState, ConnectionAgents } from './connection-agents.js';
import { ConnectionProbes } from './connection-probes.js';
import { commandOf } from './connection-view.js';
import { type ConnectionRow, ConnectionsRepository } from './connections.repository.js';
import { ConnectionsService, visible } from './connections.service.js';
import { ConnectionSecrets } from './secrets/connection-secrets.repository.js';
import { probeOf } from './subtypes.js';

/** Whether a session through a connection would work. */
@Injectable()
export class ConnectionTests {
  constructor(
    private readonly connections: ConnectionsRepository,
    private readonly sessions: ConnectionsService,
    private readonly agents: ConnectionAgents,
    private readonly secrets: ConnectionSecrets,
    private readonly probes: ConnectionProbes,
  ) {}

  /**
   * Says what can be said without running anything; then runs the command of its subtype with an input that changes nothing. A
   * command of one's own is not run, unless it is a database's: nobody knows what it does. Nor is anything that needs an approval.
   * @throws DomainError not_found; refused: why no session works
   */
  async test(caller: Caller, nameOrId: string): Promise<void> {
    const row = visible(caller, nameOrId, await this.connections.find(nameOrId));
    await this.secrets.open(row.id);
    const [state = null] = await this.agents.states([row]);
    const problem = problemOf(row, state) ?? (await this.problemOfRun(caller, row));
    if (problem !== null) throw new DomainError('refused', problem);
  }

  private async problemOfRun(caller: Caller, row: ConnectionRow): Promise<string | null> {
    const script = row.reviewers.length > 0 ? null : probeOf(row);
    if (script === null || !may(caller, 'session:execute', row.teamId)) return null;
    const connection = await this.sessions.forSession(caller, row.id);
    const problem = await this.probes.problemOf(caller, connection, script);
    return problem === null ? null : `connection ${row.name} does not work: ${problem}`;
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
