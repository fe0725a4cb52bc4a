import { type Request, type Response } from 'express';
import { fleetVersions, methodsAt, numericIds, type RouteLayer } from './routing.js';

function rewritten(url: string): string {
  const request = { url } as Request;
  fleetVersions(request, {} as Response, () => undefined);
  return request.url;
}

describe('fleetVersions', () => {
  it.each([
    ['/api/latest/fleet/hosts?page=1', '/api/v1/fleet/hosts?page=1'],
    ['/api/2022-04/fleet/me', '/api/v1/fleet/me'],
    ['/api/v1/fleet/me', '/api/v1/fleet/me'],
    ['/api/setup', '/api/v1/setup'],
    ['/api/setup?x', '/api/v1/setup?x'],
    ['/api/latest/fleetx', '/api/latest/fleetx'],
    ['/api/v2/fleet/me', '/api/v2/fleet/me'],
    ['/x/api/latest/fleet/me', '/x/api/latest/fleet/me'],
  ])('%s → %s', (from, to) => {
    expect(rewritten(from)).toBe(to);
  });
});

describe('methodsAt', () => {
  const layer = (pattern: RegExp, ...methods: string[]): RouteLayer => ({
    route: { methods: Object.fromEntries(methods.map((name) => [name, true])) },
    match: (path) => {
      const match = pattern.exec(path);
      return match !== null && { params: match.groups ?? {} };
    },
  });
  const stack = [
    layer(/^\/scripts\/run$/, 'post'),
    layer(/^\/scripts\/(?<id>[^/]+)$/, 'get'),
    layer(/^\/scripts\/(?<id>[^/]+)$/, 'delete'),
    layer(/^\/executions\/(?<uuid>[^/]+)$/, 'get'),
  ];

  it.each([
    ['/scripts/run', ['POST']],
    ['/scripts/12', ['DELETE', 'GET']],
    ['/scripts/x', []],
    ['/executions/x', ['GET']],
    ['/nothing', []],
  ])('%s: %j', (path, methods) => {
    expect(methodsAt(stack, path)).toEqual(methods);
  });
});

describe('numericIds', () => {
  it.each([
    ['12', undefined],
    ['x', 'route'],
    ['1.5', 'route'],
    ['1\0', 'route'],
    ['', 'route'],
  ])('%j: %s', (id, next) => {
    const said: unknown[] = [];
    numericIds({} as Request, {} as Response, (word?: unknown) => said.push(word), id);
    expect(said).toEqual([next]);
  });
});
