import { Injectable } from '@nestjs/common';
import { type SelectedHost, SelectorsService } from '#libs/agents/index';
import { type ConnectionForRun } from '#libs/connections/index';
import { DomainError } from '#libs/platform/errors/index';
import { AnyHostService } from '../osapi/any-host.service.js';

/** How long a session waits for an agent that is away. */
const OFFLINE_SECONDS = 15;
/** How long it waits for its turn on a host that is there. */
const TURN_SECONDS = 3_600;

/** Within how many seconds a session has to start. @param present whether its host is there */
export function secondsToStart(present: boolean): number {
  return present ? TURN_SECONDS : OFFLINE_SECONDS;
}

/** The host that a session goes to. */
export interface SessionHost {
  readonly id: number;
  /** Its agent is connected, and takes new work. */
  readonly present: boolean;
  /** All that the connection's agent means: it could have been any of them. */
  readonly among: readonly number[];
}

/** Which host a connection's agent means. */
@Injectable()
export class SessionHosts {
  constructor(
    private readonly selectors: SelectorsService,
    private readonly anyHost: AnyHostService,
  ) {}

  /**
   * The least busy of the hosts that can run it; when none is connected, one of them that may come back.
   * @throws DomainError refused: there is no such host, or all are being drained
   */
  async choose(connection: Pick<ConnectionForRun, 'name' | 'agent' | 'teamId'>): Promise<SessionHost> {
    const hosts = await this.meant(connection);
    const able = best(hosts.filter(({ online, draining }) => online && !draining));
    const among = hosts.map(({ id }) => id);
    if (able.length > 0)
      return { id: await this.anyHost.choose(able.map(({ id }) => id)), present: true, among };
    const away = hosts.find(({ draining }) => !draining);
    if (away) return { id: away.id, present: false, among };
    throw new DomainError(
      'refused',
      `agent ${connection.agent} of connection ${connection.name} is being drained and takes nothing new`,
    );
  }

  /** Whether this one is connected, and takes new work. */
  async isPresent(hostId: number): Promise<boolean> {
    const [host] = await this.selectors.byIds([hostId]);
    return host !== undefined && host.online && !host.draining;
  }

  private async meant({
    name,
    agent,
    teamId,
  }: Pick<ConnectionForRun, 'name' | 'agent' | 'teamId'>): Promise<readonly SelectedHost[]> {
    try {
      const { hosts } = await this.selectors.resolve(agent, teamId === null ? null : [teamId]);
      if (hosts.length > 0) return hosts;
    } catch (error) {
      if (!(error instanceof DomainError) || error.code === 'unavailable') throw error;
      if (error.code !== 'invalid_unknown')
        throw new DomainError('refused', `agent ${agent} of connection ${name}: ${error.message}`);
    }
    throw new DomainError('refused', `agent ${agent} of connection ${name} not found`);
  }
}

/** Those whose agents do all that a session asks for; when there are none, their agents say what they cannot do. */
function best(hosts: readonly SelectedHost[]): readonly SelectedHost[] {
  const able = hosts.filter(({ scriptsEnabled, keepsSecrets }) => scriptsEnabled !== false && keepsSecrets);
  return able.length > 0 ? able : hosts;
}
