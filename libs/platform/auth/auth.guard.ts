import {
  applyDecorators,
  type CanActivate,
  type CustomDecorator,
  type ExecutionContext,
  Injectable,
  SetMetadata,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiBearerAuth, ApiExtension, ApiForbiddenResponse, ApiUnauthorizedResponse } from '@nestjs/swagger';
import { type Request } from 'express';
import { DomainError, notFound } from '../errors/index.js';
import { ErrorEnvelopeDto } from '../http/error-envelope.dto.js';
import { type Act } from './access.js';
import { Authenticator } from './authenticator.js';
import { addressOf, type Caller, maySomewhere, setCaller } from './caller.js';
import { RequestLimiter } from './request-limiter.js';

export const ACT_KEY = 'muster:act';
export const PUBLIC_KEY = 'muster:public';
const BEFORE_SETUP_KEY = 'muster:before-setup';
const PASSWORD_RESET_KEY = 'muster:password-reset';

/** The route needs a caller who may do this; also says so in the OpenAPI document. */
export function Allow(act: Act): MethodDecorator {
  return applyDecorators(
    SetMetadata(ACT_KEY, act),
    // Who may is in the one table: the document names its row.
    ApiExtension('x-muster-act', act),
    ApiBearerAuth(),
    ApiUnauthorizedResponse({
      description: 'No token, or one that is unknown or expired.',
      type: ErrorEnvelopeDto,
    }),
    ApiForbiddenResponse({
      description: 'The role of the caller does not allow this.',
      type: ErrorEnvelopeDto,
    }),
  );
}

/** The route asks for no token (or checks another credential by itself). */
export const Public = (): CustomDecorator => SetMetadata(PUBLIC_KEY, true);

/** The route is there while no user exists yet. */
export const BeforeSetup = (): CustomDecorator => SetMetadata(BEFORE_SETUP_KEY, true);

/** The route is open to users who have to choose a new password first. */
export const DuringPasswordReset = (): CustomDecorator => SetMetadata(PASSWORD_RESET_KEY, true);

/** Nobody knows who asks. */
function isUnknown(error: unknown): boolean {
  return error instanceof DomainError && ['credentials_missing', 'credentials_invalid'].includes(error.code);
}

/** Authenticates every route and checks its act; a route without either decorator is refused. */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly authenticator: Authenticator,
    private readonly limiter: RequestLimiter,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType() !== 'http') return true;
    const request = context.switchToHttp().getRequest<Request>();
    const read = <T>(key: string): T | undefined =>
      this.reflector.getAllAndOverride<T>(key, [context.getHandler(), context.getClass()]);
    if (
      read(BEFORE_SETUP_KEY) !== true &&
      request.path.startsWith('/api/') &&
      !(await this.authenticator.isSetUp())
    ) {
      throw notFound('Page');
    }
    if (read(PUBLIC_KEY) === true) return true;
    const act = read<Act>(ACT_KEY);
    if (act === undefined) throw new DomainError('forbidden', 'forbidden');
    const caller = await this.identify(request);
    await this.limiter.take(caller);
    setCaller(request, caller, act);
    // On which objects is the service's question; here it is whether there can be any.
    if (!maySomewhere(caller, act)) throw new DomainError('forbidden', 'forbidden', { required: act });
    if (caller.mustResetPassword && read(PASSWORD_RESET_KEY) !== true)
      throw new DomainError('password_reset_required', 'password reset required');
    return true;
  }

  /** @throws DomainError credentials_missing, credentials_invalid; rate_limited after too many of them */
  private identify(request: Request): Promise<Caller> {
    const address = addressOf(request);
    return this.limiter.counted(address, isUnknown, async () =>
      this.authenticator.authenticate(tokenOf(request), address),
    );
  }
}

/** `Authorization: Bearer`, or hoop's `Api-Key`, or RipEX2's `apikey`. */
function tokenOf(request: Request): string {
  const [scheme, token, ...rest] = (request.headers.authorization ?? '').split(' ');
  if (scheme?.toLowerCase() === 'bearer' && token && rest.length === 0) return token;
  for (const name of ['api-key', 'apikey']) {
    const value = request.headers[name];
    if (typeof value === 'string' && value !== '') return value;
  }
  // Fleet's second place: a form value, for links that a browser follows.
  if (typeof request.query['token'] === 'string' && request.query['token'] !== '')
    return request.query['token'];
  throw new DomainError('credentials_missing', 'Authorization header required');
}
