import { Injectable, Logger } from '@nestjs/common';
import { type QueryOrder } from '#libs/protocol/index';
import { type KeptStatement, StatementsService } from '#libs/agents/index';
import { type OpenCampaign } from './open-campaign.js';
import { QueryChannel } from './query-channel.js';

/** Puts campaigns' questions to hosts: one packet for all of them, or one for each where people have signed. */
@Injectable()
export class CampaignAsks {
  private readonly logger = new Logger(CampaignAsks.name);

  constructor(
    private readonly channel: QueryChannel,
    private readonly statements: StatementsService,
  ) {}

  isConnected(hostId: number): boolean {
    return this.channel.isConnected(hostId);
  }

  /** Asks those of the hosts that are connected. @param answered as of `QueryChannel.ask` */
  ask(hostIds: readonly number[], campaigns: readonly OpenCampaign[], answered?: () => number): void {
    const plain = campaigns.filter(({ signed }) => signed === null);
    if (plain.length > 0)
      this.channel.ask(
        hostIds,
        plain.map((campaign) => campaign.order()),
        answered,
      );
    for (const campaign of campaigns) {
      if (campaign.signed === null) continue;
      this.askEach(hostIds, campaign.order(), campaign.signed).catch((error: unknown) =>
        // Whoever is connected anew is asked again.
        this.logger.warn('a signed query could not be asked', {
          campaign_id: campaign.id,
          reason: String(error),
        }),
      );
    }
  }

  /** Each host is shown that it is meant: what one is sent fits no other. */
  private async askEach(hostIds: readonly number[], order: QueryOrder, kept: KeptStatement): Promise<void> {
    const proofs = await this.statements.proofs(kept, hostIds);
    for (const id of hostIds) {
      const proof = proofs.get(id);
      const statement = proof === undefined ? {} : { statement: kept.signed, host_proof: proof };
      this.channel.ask([id], [{ ...order, ...statement }]);
    }
  }
}
