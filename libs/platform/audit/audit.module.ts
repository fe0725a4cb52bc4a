import { Global, Module } from '@nestjs/common';
import { Audit } from './audit.js';
import { AuditChain } from './record/audit-chain.service.js';
import { AuditController } from './record/audit.controller.js';
import { AuditExport } from './record/audit-export.service.js';
import { AuditRecordService } from './record/audit-record.service.js';
import { AuditRetention } from './record/audit-retention.service.js';
import { Sealer } from './record/sealer.js';

/** The record of acts: writing it, for everybody; sealing, reading, verifying and forgetting it. */
@Global()
@Module({
  controllers: [AuditController],
  providers: [Audit, AuditChain, AuditExport, AuditRecordService, AuditRetention, Sealer],
  exports: [Audit],
})
export class AuditModule {}
