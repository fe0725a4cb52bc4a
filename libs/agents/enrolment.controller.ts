import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiConflictResponse,
  ApiOkResponse,
  ApiTags,
  ApiUnauthorizedResponse,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { z } from 'zod';
import { EnrollChallenge, EnrollRequest, EnrollResponse } from '#libs/protocol/index';
import { BeforeSetup, ClientAddress, Public, RequestLimiter } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { BodyLimit, ErrorEnvelopeDto } from '#libs/platform/http/index';
import { EnrolmentService } from './enrolment.service.js';

const schema = (type: z.ZodType): object => z.toJSONSchema(type, { target: 'openapi-3.0', io: 'input' });

@ApiTags('Agents')
@Controller('api/v1/agents')
export class EnrolmentController {
  constructor(
    private readonly enrolment: EnrolmentService,
    private readonly limiter: RequestLimiter,
  ) {}

  /**
   * Enroll an agent
   *
   * For agents only: trades an enroll secret for a node key. The same machine keeps its host id; its earlier node key dies. One that names the key of its
   * host is answered with a challenge, and asks again with the proof.
   */
  @Post('enroll')
  @HttpCode(200)
  @Public()
  @BeforeSetup()
  @BodyLimit(512 * 1024)
  @ApiBody({ schema: schema(EnrollRequest) })
  @ApiOkResponse({ schema: schema(z.union([EnrollResponse, EnrollChallenge])) })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is missing or of the wrong type.' })
  @ApiUnauthorizedResponse({ type: ErrorEnvelopeDto, description: 'The enroll secret is not known.' })
  @ApiConflictResponse({
    type: ErrorEnvelopeDto,
    description: 'The machine is a host that is there, or was lately, and it does not have its key.',
  })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description: 'The agent speaks another protocol version.',
  })
  async enroll(
    @Body() body: object,
    @ClientAddress() address: string,
  ): Promise<EnrollResponse | EnrollChallenge> {
    await this.limiter.admit(address);
    const parsed = EnrollRequest.safeParse(body);
    if (!parsed.success) {
      throw new DomainError(
        'malformed',
        parsed.error.issues.map((i) => ({ name: i.path.join('.') || 'base', reason: i.message })),
      );
    }
    return this.limiter.counted(
      address,
      (error) => error instanceof DomainError && error.code === 'login_failed',
      () => this.enrolment.enroll(parsed.data, address),
    );
  }
}
