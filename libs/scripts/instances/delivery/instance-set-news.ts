import { Injectable } from '@nestjs/common';
import { HostMoves, LabelMembership } from '#libs/agents/index';
import { AgentOptionChanges } from '#libs/sessions/index';
import { ScriptChanges } from '../../script-changes.js';
import { InstanceChanges } from '../instance-changes.js';

/** What listens, each time after the commit. */
export interface InstanceSetListener {
  /** Instances, scripts or what teams lay down for them have changed. */
  renew(): void;
  /** These hosts are in another team. */
  moved(hostIds: readonly number[]): void;
  /** These hosts have come into these labels, or left them. */
  labelled(changes: readonly { readonly hostId: number; readonly labelId: number }[]): void;
}

/** All that decides which instances a host is to have. */
@Injectable()
export class InstanceSetNews {
  constructor(
    private readonly instances: InstanceChanges,
    private readonly scripts: ScriptChanges,
    private readonly options: AgentOptionChanges,
    private readonly moves: HostMoves,
    private readonly membership: LabelMembership,
  ) {}

  listen(listener: InstanceSetListener): void {
    const renew = (): void => listener.renew();
    this.instances.listen((tx) => tx.afterCommit(renew));
    this.scripts.listen((tx) => tx.afterCommit(renew));
    this.options.listen((tx) => tx.afterCommit(renew));
    this.moves.listen((tx, hostIds) => tx.afterCommit(() => listener.moved(hostIds)));
    this.membership.onChange((changes) => listener.labelled(changes));
  }
}
