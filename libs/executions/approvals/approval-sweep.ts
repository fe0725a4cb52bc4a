import { Injectable } from '@nestjs/common';
import { PolicyBook } from '#libs/connections/index';
import { ApprovalsService } from './approvals.service.js';
import { ReviewEnds } from './review-ends.service.js';

/** What approvals leave to time. */
@Injectable()
export class ApprovalSweep {
  constructor(
    private readonly policies: PolicyBook,
    private readonly approvals: ApprovalsService,
    private readonly ends: ReviewEnds,
  ) {}

  /** Other servers' changes of policies, time windows that have opened, ends that nobody heard of. Only the reaper calls this. */
  async run(): Promise<void> {
    await this.policies.refresh();
    await this.approvals.releaseDue();
    await this.ends.sweep();
  }
}
