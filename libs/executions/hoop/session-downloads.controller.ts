import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import {
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiProduces,
  ApiResponse,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { type Response } from 'express';
import { Public } from '#libs/platform/auth/index';
import { HoopErrorDto, sendBytes } from '#libs/platform/http/index';
import { type SessionFile, SessionDownloads } from './session-downloads.service.js';
import { DownloadInputQueryDto, DownloadQueryDto } from './sessions.dto.js';

const NO_LINK = { type: HoopErrorDto, description: 'There is no such link, or it was used.' };
const OVER = { status: 410, type: HoopErrorDto, description: 'Its five minutes are over.' };
const FILE = { schema: { type: 'string', format: 'binary' } };

/** Sessions as files, by links that `GET /api/sessions/{session_id}?extension=` gives. */
@ApiTags('Sessions')
@Controller('api/sessions')
export class SessionDownloadsController {
  constructor(private readonly downloads: SessionDownloads) {}

  /**
   * Download a session
   *
   * The link's own token admits; a wrong one does not use it up.
   */
  @Get(':session_id/download')
  @Public()
  @ApiProduces('application/octet-stream')
  @ApiOkResponse(FILE)
  @ApiNotFoundResponse(NO_LINK)
  @ApiResponse(OVER)
  @ApiUnprocessableEntityResponse({ type: HoopErrorDto, description: 'A parameter makes no sense.' })
  async download(
    @Param('session_id') sessionId: string,
    @Query() query: DownloadQueryDto,
    @Res() response: Response,
  ): Promise<void> {
    await send(response, await this.downloads.download(sessionId, query));
  }

  /**
   * Download a session's script
   *
   * By a link that was asked for with `blob-type=session_input`.
   */
  @Get(':session_id/download/input')
  @Public()
  @ApiProduces('application/octet-stream')
  @ApiOkResponse(FILE)
  @ApiNotFoundResponse(NO_LINK)
  @ApiResponse(OVER)
  async input(
    @Param('session_id') sessionId: string,
    @Query() { token }: DownloadInputQueryDto,
    @Res() response: Response,
  ): Promise<void> {
    await send(response, await this.downloads.input(sessionId, token));
  }
}

/** Its name has letters, digits, dots and dashes only. */
async function send(response: Response, { name, bytes }: SessionFile): Promise<void> {
  const headers = {
    'Content-Type': 'application/octet-stream',
    'Content-Disposition': `attachment; filename=${name}`,
    'Cache-Control': 'no-store',
  };
  await sendBytes(response, headers, bytes);
}
