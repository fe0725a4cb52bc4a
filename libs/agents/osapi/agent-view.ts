import { type HostFacts } from '#libs/protocol/index';
import { type HostRow } from '../host-list.repository.js';
import { type AgentInfoDto, type NetworkInterfaceDto } from './agents.dto.js';
import { knownFacts } from './facts.js';

/** osapi's agent (`reference/osapi.md`, section 10), from the host's row. @param busy something is in flight there */
export function toAgentInfo(host: HostRow, busy: boolean, now: Date): AgentInfoDto {
  // Rows hold what was told so far: before an agent's first words that is little.
  const facts: Partial<HostFacts> = host.facts;
  const addresses = facts.addresses ?? [];
  const primary = addresses.find(({ address }) => address === facts.primary_ip)?.interface;
  return {
    machine_id: host.uuid,
    hostname: host.hostname,
    status: host.online ? 'Ready' : 'NotReady',
    state: host.drainingSince === null ? 'Ready' : busy ? 'Draining' : 'Cordoned',
    labels: host.labels,
    registered_at: (host.online ? now : host.seenAt).toISOString(),
    started_at: host.enrolledAt.toISOString(),
    os_info: { distribution: facts.platform ?? '', version: versionIn(facts.os_version ?? '') },
    uptime: inWords(uptimeAt(host, now)),
    ...(facts.memory && { memory: { total: facts.memory } }),
    architecture: facts.arch ?? '',
    ...(facts.kernel_version && { kernel_version: facts.kernel_version }),
    ...(facts.cpu_logical_cores && { cpu_count: facts.cpu_logical_cores }),
    interfaces: interfacesOf(addresses),
    ...(primary !== undefined && { primary_interface: primary }),
    facts: knownFacts(facts),
  };
}

/** Seconds; a connected host has been up since it said so. */
function uptimeAt({ facts, factsAt, online }: HostRow, now: Date): number {
  const since = online ? Math.max(0, now.getTime() - factsAt.getTime()) / 1000 : 0;
  return (facts.uptime_seconds ?? 0) + since;
}

/** `Debian GNU/Linux 12 (bookworm)` → `12`; all of it when there is no number in it. */
export function versionIn(text: string): string {
  return /\d[\w.]*/.exec(text)?.[0] ?? text;
}

/** As osapi words it: `6 days, 3 hours, 54 minutes`. */
export function inWords(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const parts: [number, string][] = [
    [Math.floor(minutes / 1440), 'day'],
    [Math.floor(minutes / 60) % 24, 'hour'],
    [minutes % 60, 'minute'],
  ];
  return parts.map(([count, unit]) => `${count} ${unit}${count === 1 ? '' : 's'}`).join(', ');
}

/** One entry per interface that leads out of the host, with its first address of each family. */
export function interfacesOf(addresses: HostFacts['addresses']): NetworkInterfaceDto[] {
  const found = new Map<string, NetworkInterfaceDto>();
  for (const { interface: name, address, family, mac, internal } of addresses) {
    if (internal) continue;
    const known = found.get(name) ?? { name, mac };
    if (family === 'IPv4') known.ipv4 ??= address;
    else known.ipv6 ??= address;
    found.set(name, known);
  }
  return [...found.values()].map((entry) => ({
    ...entry,
    family: entry.ipv4 === undefined ? 'inet6' : entry.ipv6 === undefined ? 'inet' : 'dual',
  }));
}
