import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { EnrolmentController } from './enrolment.controller.js';
import { EnrolmentService } from './enrolment.service.js';
import { Host } from './host.entity.js';
import { HostsController } from './hosts.controller.js';
import { HostsService } from './hosts.service.js';
import { PresenceService } from './presence.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Host])],
  controllers: [HostsController, EnrolmentController],
  providers: [HostsService, EnrolmentService, PresenceService],
  exports: [HostsService, PresenceService],
})
export class AgentsModule {}
