import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { type Request } from 'express';
import { DomainError } from '../errors/index.js';
import { type Act, type GlobalRole, roleAllows } from './access.js';

/** Who is asking, and from where; handed to services as their first argument. */
export interface Caller {
  readonly userId: number;
  readonly email: string;
  readonly globalRole: GlobalRole | null;
  /** The login session that the token stands for. */
  readonly sessionId: number;
  readonly address: string;
}

const CALLER = Symbol('caller');

/** Only for the guard. */
export function setCaller(request: Request, caller: Caller): void {
  (request as Request & { [CALLER]?: Caller })[CALLER] = caller;
}

/** Handler parameter: the authenticated caller. */
export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const caller = context.switchToHttp().getRequest<Request & { [CALLER]?: Caller }>()[CALLER];
  if (!caller) throw new Error('a handler of a public route asked for its caller');
  return caller;
});

/** Handler parameter: the caller's network address, on public routes too. */
export const ClientAddress = createParamDecorator((_: unknown, context: ExecutionContext): string =>
  addressOf(context.switchToHttp().getRequest<Request>()),
);

export function addressOf(request: Request): string {
  return request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
}

/** True when the caller may do this on everything. */
export function may(caller: Caller, act: Act): boolean {
  return roleAllows(caller.globalRole, act);
}

/** @throws DomainError forbidden */
export function require(caller: Caller, act: Act): void {
  if (!may(caller, act)) throw new DomainError('forbidden', 'forbidden');
}
