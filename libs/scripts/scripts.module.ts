import { Module } from '@nestjs/common';
import { ContentsService } from './contents.service.js';
import { ScriptChanges } from './script-changes.js';
import { ScriptsService } from './scripts.service.js';

@Module({
  providers: [ContentsService, ScriptChanges, ScriptsService],
  exports: [ContentsService, ScriptChanges, ScriptsService],
})
export class ScriptsModule {}
