import { Module } from '@nestjs/common';
import { SessionsModule } from '#libs/sessions/index';
import { HostCuts } from './cuts/host-cuts.repository.js';
import { HostCutsService } from './cuts/host-cuts.service.js';
import { DrainingChanges } from './draining/draining-changes.js';
import { DrainingService } from './draining/draining.service.js';
import { HostLoad } from './draining/host-load.js';
import { EnrollSecrets } from './enroll-secrets.repository.js';
import { EnrolmentController } from './enrolment.controller.js';
import { EnrolmentService } from './enrolment.service.js';
import { HostDetails } from './host-details.js';
import { HostListRepository } from './host-list.repository.js';
import { HostTotals } from './host-totals.repository.js';
import { HostMoves } from './host-moves.js';
import { HostRemovals } from './host-removals.js';
import { HostTransfersController } from './host-transfers.controller.js';
import { HostTransfersService } from './host-transfers.service.js';
import { HoopAgentsController } from './hoop/agents.controller.js';
import { HoopAgentsService } from './hoop/agents.service.js';
import { HostsController } from './hosts.controller.js';
import { HostsService } from './hosts.service.js';
import { LabelChanges } from './labels/label-changes.js';
import { LabelMembership } from './labels/label-membership.service.js';
import { LabelSets } from './labels/label-sets.repository.js';
import { LabelsController } from './labels/labels.controller.js';
import { LabelsRepository } from './labels/labels.repository.js';
import { LabelsService } from './labels/labels.service.js';
import { AgentsController, FactsController } from './osapi/agents.controller.js';
import { OsapiAgentsService } from './osapi/agents.service.js';
import { PresenceService } from './presence.service.js';
import { ReenrolmentsController } from './reenrolment/reenrolments.controller.js';
import { ReenrolmentsService } from './reenrolment/reenrolments.service.js';
import { HostRights } from './rights/host-rights.service.js';
import { TokenLabelsService } from './rights/token-labels.service.js';
import { PreviewController } from './selectors/preview.controller.js';
import { PreviewService } from './selectors/preview.service.js';
import { SelectorsService } from './selectors/selectors.service.js';
import { StatementsService } from './statements/statements.service.js';
import { TargetsService } from './targets.service.js';
import { TranslationsService } from './translations.service.js';

@Module({
  imports: [SessionsModule],
  controllers: [
    AgentsController,
    FactsController,
    HoopAgentsController,
    HostsController,
    HostTransfersController,
    EnrolmentController,
    LabelsController,
    PreviewController,
    ReenrolmentsController,
  ],
  providers: [
    DrainingChanges,
    DrainingService,
    HoopAgentsService,
    HostsService,
    HostListRepository,
    HostCuts,
    HostCutsService,
    HostDetails,
    HostLoad,
    HostMoves,
    HostRemovals,
    HostRights,
    HostTotals,
    HostTransfersService,
    EnrolmentService,
    EnrollSecrets,
    LabelChanges,
    LabelMembership,
    LabelSets,
    LabelsRepository,
    LabelsService,
    OsapiAgentsService,
    PresenceService,
    PreviewService,
    ReenrolmentsService,
    SelectorsService,
    StatementsService,
    TargetsService,
    TokenLabelsService,
    TranslationsService,
  ],
  exports: [
    DrainingChanges,
    EnrollSecrets,
    HostDetails,
    HostLoad,
    HostMoves,
    HostRemovals,
    HostRights,
    HostsService,
    LabelChanges,
    LabelMembership,
    LabelSets,
    PresenceService,
    SelectorsService,
    StatementsService,
    TargetsService,
  ],
})
export class AgentsModule {}
