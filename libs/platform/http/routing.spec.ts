import { type Request, type Response } from 'express';
import { fleetVersions } from './routing.js';

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
