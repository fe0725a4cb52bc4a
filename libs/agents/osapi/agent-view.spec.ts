import { type HostRow } from '../host-list.repository.js';
import { inWords, interfacesOf, toAgentInfo, versionIn } from './agent-view.js';

const now = new Date('2030-01-01T01:00:00Z');
const host = {
  id: 1,
  teamId: null,
  teamName: null,
  uuid: 'e1f3a9d2-0000-4000-8000-000000000001',
  hostname: 'web-01',
  facts: {
    hostname: 'web-01',
    platform: 'debian',
    os_version: 'Debian GNU/Linux 12 (bookworm)',
    arch: 'x86_64',
  },
  labels: { group: 'web' },
  agentVersion: '',
  scriptsEnabled: true,
  online: true,
  drainingSince: null,
  seenAt: new Date('2029-12-31T00:00:00Z'),
  enrolledAt: new Date('2029-01-01T00:00:00Z'),
  factsAt: new Date('2030-01-01T00:00:00Z'),
  createdAt: now,
  updatedAt: now,
} as unknown as HostRow;

describe('toAgentInfo', () => {
  it.each([
    [null, false, 'Ready'],
    [null, true, 'Ready'],
    [now, true, 'Draining'],
    [now, false, 'Cordoned'],
  ])('draining since %s, busy %s: %s', (drainingSince, busy, state) => {
    expect(toAgentInfo({ ...host, drainingSince }, busy, now).state).toBe(state);
  });

  it('leaves out what is not known', () => {
    expect(toAgentInfo(host, false, now)).toEqual({
      machine_id: host.uuid,
      hostname: 'web-01',
      status: 'Ready',
      state: 'Ready',
      labels: { group: 'web' },
      registered_at: '2030-01-01T01:00:00.000Z',
      started_at: '2029-01-01T00:00:00.000Z',
      os_info: { distribution: 'debian', version: '12' },
      uptime: '0 days, 1 hour, 0 minutes',
      architecture: 'x86_64',
      interfaces: [],
      facts: { hostname: 'web-01', platform: 'debian', os_version: 'Debian GNU/Linux 12 (bookworm)' },
    });
  });

  it('says when a host that is away was last heard of', () => {
    const away = toAgentInfo({ ...host, online: false }, false, now);
    expect(away).toMatchObject({ status: 'NotReady', registered_at: '2029-12-31T00:00:00.000Z' });
  });
});

it.each([
  [0, '0 days, 0 hours, 0 minutes'],
  [59, '0 days, 0 hours, 0 minutes'],
  [90_061, '1 day, 1 hour, 1 minute'],
  [532_440, '6 days, 3 hours, 54 minutes'],
])('%d seconds are %s', (seconds, words) => {
  expect(inWords(seconds)).toBe(words);
});

it.each([
  ['Debian GNU/Linux 12 (bookworm)', '12'],
  ['Ubuntu 24.04.1 LTS', '24.04.1'],
  ['Arch Linux', 'Arch Linux'],
  ['', ''],
])('the version in %j is %j', (text, version) => {
  expect(versionIn(text)).toBe(version);
});

it('makes one entry per interface that leads out', () => {
  const mac = '00:11:22:33:44:55';
  const at = (name: string, address: string, family: 'IPv4' | 'IPv6', internal = false) => ({
    interface: name,
    address,
    family,
    mac,
    internal,
  });
  expect(
    interfacesOf([
      at('lo', '127.0.0.1', 'IPv4', true),
      at('eth0', '192.0.2.1', 'IPv4'),
      at('eth0', '192.0.2.2', 'IPv4'),
      at('eth0', 'fe80::1', 'IPv6'),
      at('eth1', '198.51.100.1', 'IPv4'),
      at('wg0', 'fd00::1', 'IPv6'),
    ]),
  ).toEqual([
    { name: 'eth0', ipv4: '192.0.2.1', ipv6: 'fe80::1', mac, family: 'dual' },
    { name: 'eth1', ipv4: '198.51.100.1', mac, family: 'inet' },
    { name: 'wg0', ipv6: 'fd00::1', mac, family: 'inet6' },
  ]);
});
