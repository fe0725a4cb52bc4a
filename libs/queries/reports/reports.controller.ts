import { Controller, Get, Param } from '@nestjs/common';
import { ApiNotFoundResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Allow, type Caller, CurrentCaller } from '#libs/platform/auth/index';
import { ErrorEnvelopeDto, IdPipe } from '#libs/platform/http/index';
import { HostReportDto, QueryReportDto } from './reports.dto.js';
import { ReportsService } from './reports.service.js';

@ApiTags('Queries')
@Controller('api/v1/fleet')
export class ReportsController {
  constructor(private readonly reports: ReportsService) {}

  /**
   * Get the report of a query
   *
   * What hosts that the caller may see last answered, at most 1,000 rows.
   */
  @Get('queries/:id/report')
  @Allow('query:read')
  @ApiOkResponse({ type: QueryReportDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such query.' })
  ofQuery(@CurrentCaller() caller: Caller, @Param('id', IdPipe) id: number): Promise<QueryReportDto> {
    return this.reports.ofQuery(caller, id);
  }

  /** Get what a host last answered to a query */
  @Get('hosts/:id/queries/:query_id')
  @Allow('host:list')
  @ApiOkResponse({ type: HostReportDto })
  @ApiNotFoundResponse({ type: ErrorEnvelopeDto, description: 'No such host, or no such query.' })
  ofHost(
    @CurrentCaller() caller: Caller,
    @Param('id', IdPipe) id: number,
    @Param('query_id', IdPipe) queryId: number,
  ): Promise<HostReportDto> {
    return this.reports.ofHost(caller, id, queryId);
  }
}
