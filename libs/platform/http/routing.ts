import { type NextFunction, type Request, type Response } from 'express';

const FLEET_ALIAS = /^\/api\/(?:latest|2022-04)\/fleet(?=[/?]|$)/;

/** Fleet's versions are one API: `latest` and `2022-04` are `v1`. Setup is also served without a version. */
export function fleetVersions(request: Request, _response: Response, next: NextFunction): void {
  request.url = request.url
    .replace(FLEET_ALIAS, '/api/v1/fleet')
    .replace(/^\/api\/setup(?=[/?]|$)/, '/api/v1/setup');
  next();
}

/** osapi's commands have had two addresses: `/node` is the documented one, `/api/node` the one its clients use now. */
export function osapiVersions(request: Request, _response: Response, next: NextFunction): void {
  request.url = request.url.replace(/^\/api\/node(?=[/?]|$)/, '/node');
  next();
}

/** What Express keeps per route, as far as it is looked at here. */
export interface RouteLayer {
  readonly route?: { readonly methods: Readonly<Record<string, boolean>> };
  match(path: string): false | { readonly params: Readonly<Record<string, unknown>> };
}

/** Methods that some route answers at this path; empty when there is nothing. */
export function methodsAt(stack: readonly RouteLayer[], path: string): string[] {
  const methods = new Set<string>();
  for (const layer of stack) {
    const match = layer.route !== undefined && layer.match(path);
    if (!layer.route || !match) continue;
    const { id } = match.params;
    if (typeof id === 'string' && !isId(id)) continue;
    for (const [method, served] of Object.entries(layer.route.methods))
      if (served) methods.add(method.toUpperCase());
  }
  return [...methods].sort();
}

/**
 * For Express' `param`: a path whose id is none goes on to the next route that fits, before anything of the request is looked
 * at. `PATCH users/admin` is a wrong method, whatever its body.
 */
export function numericIds(_request: Request, _response: Response, next: NextFunction, id: string): void {
  next(isId(id) ? undefined : 'route');
}

/** A parameter called `id` is a number (`IdPipe`): what is none is no address of the route. */
function isId(text: string): boolean {
  return /^\d+$/.test(text);
}
