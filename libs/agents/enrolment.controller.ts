import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiOkResponse,
  ApiTags,
  ApiUnauthorizedResponse,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { z } from 'zod';
import { EnrollRequest, EnrollResponse } from '#libs/protocol/index';
import { BeforeSetup, ClientAddress, Public } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { ErrorEnvelopeDto } from '#libs/platform/http/index';
import { EnrolmentService } from './enrolment.service.js';

const schema = (type: z.ZodType): object => z.toJSONSchema(type, { target: 'openapi-3.0', io: 'input' });

@ApiTags('Agents')
@Controller('api/v1/agents')
export class EnrolmentController {
  constructor(private readonly enrolment: EnrolmentService) {}

  /**
   * Enroll an agent
   *
   * For agents only: trades an enroll secret for a node key. The same machine keeps its host id; its earlier key dies.
   */
  @Post('enroll')
  @HttpCode(200)
  @Public()
  @BeforeSetup()
  @ApiBody({ schema: schema(EnrollRequest) })
  @ApiOkResponse({ schema: schema(EnrollResponse) })
  @ApiBadRequestResponse({ type: ErrorEnvelopeDto, description: 'A field is missing or of the wrong type.' })
  @ApiUnauthorizedResponse({ type: ErrorEnvelopeDto, description: 'The enroll secret is not known.' })
  @ApiUnprocessableEntityResponse({
    type: ErrorEnvelopeDto,
    description: 'The agent speaks another protocol version.',
  })
  enroll(@Body() body: object, @ClientAddress() address: string): Promise<EnrollResponse> {
    const parsed = EnrollRequest.safeParse(body);
    if (!parsed.success) {
      throw new DomainError(
        'malformed',
        parsed.error.issues.map((i) => ({ name: i.path.join('.') || 'base', reason: i.message })),
      );
    }
    return this.enrolment.enroll(parsed.data, address);
  }
}
