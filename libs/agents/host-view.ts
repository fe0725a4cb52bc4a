import { type HostRow } from './host-list.repository.js';
import { type HostDto } from './hosts.dto.js';

const NEVER = '0001-01-01T00:00:00Z';
const GIGA = 1e9;

/** Fleet's host object (`reference/fleet.md`, 9.2), from the row. */
export function toHostDto(host: HostRow): HostDto {
  const { facts } = host;
  const total = facts.disk_total_bytes ?? 0;
  const available = facts.disk_available_bytes ?? 0;
  return {
    created_at: host.createdAt.toISOString(),
    updated_at: host.updatedAt.toISOString(),
    id: host.id,
    detail_updated_at: host.factsAt.toISOString(),
    label_updated_at: NEVER,
    policy_updated_at: NEVER,
    last_enrolled_at: host.enrolledAt.toISOString(),
    seen_time: (host.online ? new Date() : host.seenAt).toISOString(),
    refetch_requested: false,
    hostname: host.hostname,
    uuid: host.uuid,
    platform: facts.platform,
    osquery_version: '',
    orbit_version: host.agentVersion,
    fleet_desktop_version: null,
    scripts_enabled: host.scriptsEnabled,
    os_version: facts.os_version,
    build: facts.build ?? '',
    platform_like: facts.platform_like ?? '',
    code_name: facts.code_name ?? '',
    uptime: Math.round((facts.uptime_seconds ?? 0) * 1e9),
    memory: facts.memory ?? 0,
    cpu_type: facts.cpu_type ?? '',
    cpu_subtype: facts.cpu_subtype ?? '',
    cpu_brand: facts.cpu_brand ?? '',
    cpu_physical_cores: facts.cpu_physical_cores ?? 0,
    cpu_logical_cores: facts.cpu_logical_cores ?? 0,
    hardware_vendor: facts.hardware_vendor ?? '',
    hardware_model: facts.hardware_model ?? '',
    hardware_version: facts.hardware_version ?? '',
    hardware_serial: facts.hardware_serial ?? '',
    computer_name: facts.computer_name ?? '',
    public_ip: '',
    primary_ip: facts.primary_ip ?? '',
    primary_mac: facts.primary_mac ?? '',
    distributed_interval: 0,
    config_tls_refresh: 0,
    logger_tls_period: 0,
    team_id: host.teamId,
    team_name: host.teamName,
    gigs_disk_space_available: available / GIGA,
    percent_disk_space_available: total === 0 ? 0 : (100 * available) / total,
    gigs_total_disk_space: total / GIGA,
    status: host.online ? 'online' : 'offline',
    display_text: host.hostname,
    display_name: host.hostname,
    kernel_version: facts.kernel_version ?? '',
    arch: facts.arch,
    addresses: facts.addresses ?? [],
    agent_labels: host.labels,
  };
}
