import { Controller, Get, Redirect } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiOkResponse, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import { Public } from '#libs/platform/auth/index';
import { Database } from '#libs/platform/database/index';
import { ErrorEnvelopeDto } from '#libs/platform/http/index';

export class HealthDto {
  status!: 'ok';
}

const PING = { text: 'SELECT 1' };

@ApiTags('Server')
@Controller()
export class HealthController {
  constructor(private readonly database: Database) {}

  /** Whoever opens the server's address in a browser wants to look around. */
  @Get()
  @Public()
  @Redirect('/docs')
  @ApiExcludeEndpoint()
  root(): void {}

  /** Alive */
  @Get('healthz')
  @Public()
  @ApiOkResponse({ type: HealthDto })
  alive(): HealthDto {
    return { status: 'ok' };
  }

  /** Ready to serve: the database is reachable, migrations are applied */
  @Get('readyz')
  @Public()
  @ApiOkResponse({ type: HealthDto })
  @ApiServiceUnavailableResponse({ type: ErrorEnvelopeDto })
  async ready(): Promise<HealthDto> {
    // Migrations ran before the server began to listen; what can be missing is the database.
    await this.database.query(PING);
    return { status: 'ok' };
  }
}
