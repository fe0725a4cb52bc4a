import { Column, Entity, JoinColumn, OneToOne, PrimaryColumn, type Relation, Unique } from 'typeorm';
import { type StatementSignature } from '#libs/protocol/index';
import { Campaign } from '../campaigns/campaign.entity.js';

/** What people have signed of a live query, for hosts that answer nothing else. */
@Entity('campaign_statements')
@Unique('campaign_statements_nonce', ['nonce'])
export class CampaignStatement {
  @PrimaryColumn({
    type: 'integer',
    name: 'campaign_id',
    primaryKeyConstraintName: 'campaign_statements_pkey',
  })
  campaignId!: number;

  @OneToOne(() => Campaign, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'campaign_id', foreignKeyConstraintName: 'campaign_statements_campaign_id_fkey' })
  campaign!: Relation<Campaign>;

  /** The text that was signed. */
  @Column({ type: 'text' })
  statement!: string;

  @Column({ type: 'jsonb' })
  signatures!: StatementSignature[];

  /** Of its hosts, 32 bytes each, in their order. */
  @Column({ type: 'bytea' })
  leaves!: Buffer;

  /** The statement's: it is good for one request. */
  @Column({ type: 'text' })
  nonce!: string;
}
