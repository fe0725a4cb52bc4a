import { Module } from '@nestjs/common';
import { EnrolmentController } from './enrolment.controller.js';
import { EnrolmentService } from './enrolment.service.js';
import { HostListRepository } from './host-list.repository.js';
import { HostRemovals } from './host-removals.js';
import { HostTransfersController } from './host-transfers.controller.js';
import { HostTransfersService } from './host-transfers.service.js';
import { HostsController } from './hosts.controller.js';
import { HostsService } from './hosts.service.js';
import { PresenceService } from './presence.service.js';
import { TranslationsService } from './translations.service.js';

@Module({
  controllers: [HostsController, HostTransfersController, EnrolmentController],
  providers: [
    HostsService,
    HostListRepository,
    HostRemovals,
    HostTransfersService,
    EnrolmentService,
    PresenceService,
    TranslationsService,
  ],
  exports: [HostRemovals, HostsService, PresenceService],
})
export class AgentsModule {}
