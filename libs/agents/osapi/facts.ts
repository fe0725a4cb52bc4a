import { type HostFacts } from '#libs/protocol/index';

/** Facts that an agent's `facts` hold, beside those that have fields of their own. */
export const FACT_DESCRIPTIONS = {
  hostname: "The system's own hostname",
  platform: 'Operating system, as osquery calls it',
  platform_like: 'Systems that it resembles',
  os_version: 'Name and version of the operating system',
  code_name: "Code name of the system's version",
  build: "Build of the system's version",
  computer_name: 'Name that its owner has given it',
  cpu_type: 'Type of the processor',
  cpu_subtype: 'Subtype of the processor',
  cpu_brand: 'Name of the processor',
  cpu_physical_cores: 'Physical cores',
  hardware_vendor: 'Who made the machine',
  hardware_model: 'Model of the machine',
  hardware_version: 'Version of the model',
  hardware_serial: 'Serial number',
  primary_ip: 'Address of the interface of the default route',
  primary_mac: "That interface's hardware address",
  disk_total_bytes: 'Size of the root file system',
  disk_available_bytes: 'Free space on it',
} as const satisfies Partial<Record<keyof HostFacts, string>>;

const KEYS = Object.keys(FACT_DESCRIPTIONS) as (keyof typeof FACT_DESCRIPTIONS)[];

/** Those of them that the host knows. */
export function knownFacts(facts: Partial<HostFacts>): Record<string, string | number> {
  const known: Record<string, string | number> = {};
  for (const key of KEYS) {
    const value = facts[key];
    if (value !== undefined && value !== '' && value !== 0) known[key] = value;
  }
  return known;
}
