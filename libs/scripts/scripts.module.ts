import { Module } from '@nestjs/common';
import { SessionsModule } from '#libs/sessions/index';
import { ContentsService } from './contents.service.js';
import { ScriptChanges } from './script-changes.js';
import { ScriptSetsService } from './script-sets.service.js';
import { ScriptsController } from './scripts.controller.js';
import { ScriptsRepository } from './scripts.repository.js';
import { ScriptsService } from './scripts.service.js';

@Module({
  imports: [SessionsModule],
  controllers: [ScriptsController],
  providers: [ContentsService, ScriptChanges, ScriptSetsService, ScriptsRepository, ScriptsService],
  exports: [ContentsService, ScriptChanges, ScriptsService],
})
export class ScriptsModule {}
