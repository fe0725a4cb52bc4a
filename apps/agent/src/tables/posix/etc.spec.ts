import { type Ask, openTables, program } from '../testing.js';
import { parseHost } from './etc-hosts.js';
import { parseProtocol } from './etc-protocols.js';
import { parseService } from './etc-services.js';

let ask: Ask;

beforeAll(async () => {
  ask = await openTables();
});

it('reads lines with aliases and comments', () => {
  expect(parseService('http\t\t80/tcp\t\twww  w3 # WorldWideWeb # HTTP')).toEqual({
    name: 'http',
    port: 80,
    protocol: 'tcp',
    aliases: 'www w3',
    comment: 'WorldWideWeb # HTTP',
  });
  expect(parseProtocol('tcp\t6\tTCP\t\t# transmission control')).toEqual({
    name: 'tcp',
    number: 6,
    alias: 'TCP',
    comment: 'transmission control',
  });
  expect(parseHost(' ::1  localhost ip6-localhost # self')).toEqual({
    address: '::1',
    hostnames: 'localhost ip6-localhost',
  });
  for (const line of ['', '# x 80/tcp', 'http', 'http 80', 'http x/tcp'])
    expect(parseService(line)).toBeNull();
  for (const line of ['', '#', 'tcp', 'tcp x']) expect(parseProtocol(line)).toBeNull();
  for (const line of ['', '# 127.0.0.1 a', '127.0.0.1']) expect(parseHost(line)).toBeNull();
});

it('knows the services that getent knows', () => {
  const known = (program('getent', 'services') ?? []).map((line) => {
    const [name, place = '', ...aliases] = line.split(/\s+/);
    const [port, protocol] = place.split('/');
    return { name, port, protocol, aliases: aliases.join(' ') };
  });
  expect(ask('select name, port, protocol, aliases from etc_services')).toEqual(known);
});

it('knows the protocols that getent knows', () => {
  const known = (program('getent', 'protocols') ?? []).map((line) => {
    const [name, number, ...aliases] = line.split(/\s+/);
    return { name, number, alias: aliases.join(' ') };
  });
  expect(ask('select name, number, alias from etc_protocols')).toEqual(known);
});

it('knows this machine by its own name', () => {
  expect(ask("select address from etc_hosts where hostnames like '%localhost%'")).toContainEqual({
    address: '127.0.0.1',
  });
});
