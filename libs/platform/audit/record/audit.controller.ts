import { Controller, Get, Query, Res } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiProduces,
  ApiTags,
} from '@nestjs/swagger';
import { type Response } from 'express';
import { Allow } from '../../auth/index.js';
import { ErrorEnvelopeDto, sendBytes } from '../../http/index.js';
import {
  AuditExportQueryDto,
  AuditHeadDto,
  AuditListDto,
  AuditListQueryDto,
  AuditVerdictDto,
  AuditVerifyQueryDto,
} from './audit.dto.js';
import { AuditExport } from './audit-export.service.js';
import { AuditRecordService } from './audit-record.service.js';

@ApiTags('Audit')
@Controller('api/v1/audit')
export class AuditController {
  constructor(
    private readonly record: AuditRecordService,
    private readonly exported: AuditExport,
  ) {}

  /**
   * List the audit record, newest first
   *
   * Who did what, from where, with which outcome; refused requests too. Filters are looked for among 20,000 rows at a time, so a page may
   * be short and have a `next` all the same.
   */
  @Get()
  @Allow('audit:read')
  @ApiOkResponse({ type: AuditListDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A filter makes no sense.' })
  list(@Query() query: AuditListQueryDto): Promise<AuditListDto> {
    return this.record.list(query);
  }

  /**
   * Where the audit record ends
   *
   * The last seal, after sealing what is new: number and digest, to be noted elsewhere and given to `verify` later; and the keys that it is signed with.
   */
  @Get('head')
  @Allow('audit:verify')
  @ApiOkResponse({ type: AuditHeadDto })
  head(): Promise<AuditHeadDto> {
    return this.record.head();
  }

  /**
   * Verify the audit record
   *
   * Compares every row with its seal, every seal with the one before and with the server's key, and the end with what the server keeps outside of its
   * database. Names the first row that was changed, removed, added or moved.
   */
  @Get('verify')
  @Allow('audit:verify')
  @ApiOkResponse({ type: AuditVerdictDto })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'head makes no sense.' })
  verify(@Query() { head }: AuditVerifyQueryDto): Promise<AuditVerdictDto> {
    return this.record.verify(head);
  }

  /**
   * Export the audit record
   *
   * Newline JSON, streamed: rows, each followed by the seals that hold them, and a signed end. `muster audit verify --from FILE` verifies it without a server.
   */
  @Get('export')
  @Allow('audit:verify')
  @ApiProduces('application/x-ndjson')
  @ApiOkResponse({ schema: { type: 'string' } })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'after makes no sense.' })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'There is no such seal.' })
  async export(@Query() { after }: AuditExportQueryDto, @Res() response: Response): Promise<void> {
    const lines = await this.exported.lines(after === undefined ? null : Number(after));
    await sendBytes(
      response,
      {
        'Content-Type': 'application/x-ndjson; charset=utf-8',
        'Content-Disposition': 'attachment; filename="muster-audit.ndjson"',
      },
      lines,
    );
  }
}
