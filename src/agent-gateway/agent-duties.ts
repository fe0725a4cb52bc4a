import { Injectable } from '@nestjs/common';
import { TriggeredRunsService, type TriggeredStatus } from '#libs/executions/index';
import { Findings, type Hello, Triggered } from '#libs/protocol/index';
import { FindingsService, StandingWorkService } from '#libs/queries/index';
import { InstanceSetsService } from '#libs/scripts/index';

/** What agents do by themselves: standing work and script instances, on their way there, and what comes of them. */
@Injectable()
export class AgentDuties {
  constructor(
    private readonly standing: StandingWorkService,
    private readonly findings: FindingsService,
    private readonly instances: InstanceSetsService,
    private readonly triggered: TriggeredRunsService,
  ) {}

  arrived(hostId: number, { standing, instances_revision }: Hello): void {
    this.standing.arrived(hostId, standing);
    this.instances.arrived(hostId, instances_revision);
  }

  left(hostId: number): void {
    this.standing.left(hostId);
    this.instances.left(hostId);
  }

  /** @throws ZodError for a message that makes no sense */
  async found(host: { id: number; uuid: string; hostname: string }, body: unknown): Promise<void> {
    await this.findings.take(host, Findings.parse(body));
  }

  /** @throws ZodError for a message that makes no sense */
  async started(hostId: number, body: unknown): Promise<TriggeredStatus> {
    return this.triggered.take(hostId, Triggered.parse(body));
  }
}
