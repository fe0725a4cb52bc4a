import { Injectable } from '@nestjs/common';
import { FactsChannel, HostRights, HostsService } from '#libs/agents/index';
import { type Caller } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { type TriggerCheckAck } from '#libs/protocol/index';
import { type TriggerPair, triggersOf } from '#libs/scripts/index';
import { checkXpath } from '#libs/triggers/index';
import { type FactsDto, type TriggerCheckDto, type TriggerOutlookDto } from './host-facts.dto.js';

/** Asks a host's agent about its tree of facts, so that people can try a trigger before they save it. */
@Injectable()
export class HostFactsService {
  constructor(
    private readonly hosts: HostsService,
    private readonly rights: HostRights,
    private readonly channel: FactsChannel,
  ) {}

  /** @throws DomainError forbidden, not_found; malformed (the expression, with the position); conflict (offline) */
  async facts(caller: Caller, id: number, xpath: string | null): Promise<FactsDto> {
    await this.readable(caller, id);
    const fault = xpath === null ? null : checkXpath(xpath);
    if (fault)
      throw new DomainError('malformed', {
        name: 'xpath',
        reason: `${fault.error} (at position ${fault.position})`,
      });
    const answer = await this.channel.facts(id, xpath);
    if (!answer) throw offline();
    const { xml, value, error } = answer;
    if (error !== undefined) throw new DomainError('malformed', { name: 'xpath', reason: error });
    return { ...(xml !== undefined && { xml }), ...(value !== undefined && { value }) };
  }

  /** @throws DomainError forbidden, not_found; malformed (a trigger); conflict (offline) */
  async check(caller: Caller, id: number, pair: TriggerPair): Promise<TriggerCheckDto> {
    await this.readable(caller, id);
    const { startTrigger, stopTrigger } = triggersOf(pair);
    if (!startTrigger && !stopTrigger)
      throw new DomainError('malformed', {
        name: 'start_trigger',
        reason: 'start_trigger or stop_trigger is required',
      });
    const answer = await this.channel.check(id, {
      ...(startTrigger && { start_trigger: startTrigger }),
      ...(stopTrigger && { stop_trigger: stopTrigger }),
    });
    if (!answer) throw offline();
    const { start, stop } = answer;
    return { ...(start && { start: toOutlook(start) }), ...(stop && { stop: toOutlook(stop) }) };
  }

  private async readable(caller: Caller, id: number): Promise<void> {
    const { teamId } = await this.hosts.get(caller, id);
    await this.rights.require(caller, 'host:list', [{ id, teamId }]);
  }
}

function toOutlook({ next_at, ...said }: NonNullable<TriggerCheckAck['start']>): TriggerOutlookDto {
  return { ...said, ...(next_at !== undefined && { next_at: new Date(next_at).toISOString() }) };
}

function offline(): DomainError {
  return new DomainError('conflict', 'The host is offline, or its agent did not answer.', {
    word: 'host_offline',
  });
}
