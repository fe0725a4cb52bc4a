import { Module } from '@nestjs/common';
import { AgentsModule } from '#libs/agents/index';
import { SessionsModule } from '#libs/sessions/index';
import { ContentsService } from './contents.service.js';
import { InstanceChanges } from './instances/instance-changes.js';
import { InstanceSetNews } from './instances/delivery/instance-set-news.js';
import { InstanceSetsRepository } from './instances/delivery/instance-sets.repository.js';
import { InstanceSetsService } from './instances/delivery/instance-sets.service.js';
import { InstancesController } from './instances/instances.controller.js';
import { InstancesRepository } from './instances/instances.repository.js';
import { InstancesService } from './instances/instances.service.js';
import { ScriptChanges } from './script-changes.js';
import { ScriptSetsService } from './script-sets.service.js';
import { ScriptsController } from './scripts.controller.js';
import { ScriptsRepository } from './scripts.repository.js';
import { ScriptsService } from './scripts.service.js';

@Module({
  imports: [AgentsModule, SessionsModule],
  controllers: [InstancesController, ScriptsController],
  providers: [
    ContentsService,
    InstanceChanges,
    InstanceSetNews,
    InstanceSetsRepository,
    InstanceSetsService,
    InstancesRepository,
    InstancesService,
    ScriptChanges,
    ScriptSetsService,
    ScriptsRepository,
    ScriptsService,
  ],
  exports: [
    ContentsService,
    InstanceSetsService,
    InstancesRepository,
    InstancesService,
    ScriptChanges,
    ScriptsService,
  ],
})
export class ScriptsModule {}
