import { Module } from '@nestjs/common';
import { EnrolmentController } from './enrolment.controller.js';
import { EnrolmentService } from './enrolment.service.js';
import { HostListRepository } from './host-list.repository.js';
import { HostTransfersController } from './host-transfers.controller.js';
import { HostTransfersService } from './host-transfers.service.js';
import { HostsController } from './hosts.controller.js';
import { HostsService } from './hosts.service.js';
import { PresenceService } from './presence.service.js';
import { TranslationsService } from './translations.service.js';

/** Needs a `HostRemoval` from whoever owns the agents' sockets. */
@Module({
  controllers: [HostsController, HostTransfersController, EnrolmentController],
  providers: [
    HostsService,
    HostListRepository,
    HostTransfersService,
    EnrolmentService,
    PresenceService,
    TranslationsService,
  ],
  exports: [HostsService, PresenceService],
})
export class AgentsModule {}
