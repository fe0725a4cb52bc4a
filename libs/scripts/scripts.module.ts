import { Module } from '@nestjs/common';
import { ContentsService } from './contents.service.js';

@Module({ providers: [ContentsService], exports: [ContentsService] })
export class ScriptsModule {}
