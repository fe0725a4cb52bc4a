import { Injectable, type OnModuleInit } from '@nestjs/common';
import { LabelChanges } from '#libs/agents/index';
import { AgentOptionChanges, TeamRemovals } from '#libs/sessions/index';
import { StandingWorkChanges } from './standing-work-changes.js';

/** Passes on what other libraries tell of standing work, so that there is one place to listen. */
@Injectable()
export class StandingWorkSources implements OnModuleInit {
  constructor(
    private readonly changes: StandingWorkChanges,
    private readonly labels: LabelChanges,
    private readonly options: AgentOptionChanges,
    private readonly teams: TeamRemovals,
  ) {}

  onModuleInit(): void {
    this.labels.listen((tx, labels) => this.changes.tell(tx, { labels }));
    this.options.listen((tx, teams) => this.changes.tell(tx, { teams }));
    this.teams.listen((tx, teamId) => this.changes.tell(tx, { teams: [teamId] }));
  }
}
