import { Injectable } from '@nestjs/common';
import { type Answer } from '#libs/protocol/index';
import { Batcher } from '#libs/platform/batch/index';
import { violated } from '#libs/platform/database/index';
import { CampaignAsks } from './campaign-asks.service.js';
import { CampaignEndsService } from './campaign-ends.service.js';
import { CampaignsRepository, type NewPart } from './campaigns.repository.js';
import { type StoredPart } from './open-campaign.js';
import { OpenCampaigns } from './open-campaigns.js';
import { type AnsweringHost, renderResult } from './render-result.js';

/** Parts, and bytes of them, that one statement stores. */
const BATCH = 500;
const BATCH_BYTES = 8 * 1024 * 1024;

const CUT = 'the connection was lost in the middle of the answer: there may be more rows than these';

/** What agents answer to live queries: stored in batches, then told to whoever listens. */
@Injectable()
export class AnswersService {
  private readonly parts = new Batcher((parts: NewPart[]) => this.store(parts), BATCH, {
    of: (part) => part.json.length,
    max: BATCH_BYTES,
  });

  constructor(
    private readonly repository: CampaignsRepository,
    private readonly open: OpenCampaigns,
    private readonly ends: CampaignEndsService,
    private readonly asks: CampaignAsks,
  ) {}

  /**
   * Resolves after the commit. `stale`: nobody waits for it, the host may stop.
   * @throws when it could not be stored; the host says it again
   */
  async answer(host: AnsweringHost, answer: Answer): Promise<'ok' | 'stale'> {
    const campaign = this.open.get(answer.campaign_id);
    if (!campaign) return 'stale';
    // Said again, because the acknowledgement was late.
    if (answer.part < campaign.begun(host.id)) return 'ok';
    if (!campaign.expects(host.id, answer.part, answer.rows.length)) return 'stale';
    try {
      const seq = await this.parts.add({
        campaignId: campaign.id,
        hostId: host.id,
        part: answer.part,
        outcome: answer.ending?.outcome ?? null,
        rowCount: answer.rows.length,
        json: renderResult(host, answer),
      });
      return seq === null ? 'stale' : 'ok';
    } catch (error) {
      if (violated(error) === undefined) throw error;
      // It was stored by a try whose outcome got lost.
      await this.open.reload(campaign);
      this.ends.check(campaign);
      this.open.watchers.changed([campaign.id]);
      return 'ok';
    }
  }

  /**
   * The host is connected (again): it is asked what it still owes. An answer that had begun cannot be begun again, since its
   * first rows have been told; it ends where it was cut.
   */
  async resume(host: AnsweringHost): Promise<void> {
    const owed = [...this.open.all()].filter((campaign) => campaign.pending.has(host.id));
    const [cut, whole] = [
      owed.filter((c) => c.begun(host.id) > 0),
      owed.filter((c) => c.begun(host.id) === 0),
    ];
    if (whole.length > 0) this.asks.ask([host.id], whole);
    const ending = { outcome: 'error', error: CUT, stats: null } as const;
    await Promise.all(
      cut.map((c) =>
        this.answer(host, { campaign_id: c.id, part: c.begun(host.id), columns: [], rows: [], ending }),
      ),
    );
  }

  /** The host is no longer connected: nobody has to wait for it. */
  left(hostId: number): void {
    for (const campaign of this.open.all()) {
      if (!campaign.pending.has(hostId)) continue;
      this.ends.check(campaign);
    }
  }

  private async store(parts: NewPart[]): Promise<(number | null)[]> {
    const numbers = await this.repository.append(parts);
    const stored = new Map<number, StoredPart[]>();
    parts.forEach((part, i) => {
      const seq = numbers[i];
      if (seq === null || seq === undefined) return;
      const list = stored.get(part.campaignId) ?? [];
      stored.set(part.campaignId, list);
      list.push({ ...part, seq });
    });
    for (const [id, list] of stored) {
      const campaign = this.open.get(id);
      if (!campaign) continue;
      campaign.stored(list.sort((a, b) => a.seq - b.seq));
      this.ends.check(campaign);
    }
    this.open.watchers.changed(stored.keys());
    return numbers;
  }
}
