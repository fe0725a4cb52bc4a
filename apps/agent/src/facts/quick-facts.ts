import * as os from 'node:os';
import { HostFacts } from '#libs/protocol/index';
import { readTextOr } from '../platform/files.js';

/** What can be said of this host within a millisecond or two, without starting anything. */
export function quickFacts(): HostFacts {
  const release = osRelease();
  const cpu = cpuInfo();
  const dmi = (name: string): string => readTextOr(`/sys/class/dmi/id/${name}`).slice(0, 255);
  const addresses = networkAddresses();
  const primary =
    addresses.find(({ internal, family }) => !internal && family === 'IPv4') ??
    addresses.find(({ internal }) => !internal);
  return HostFacts.parse({
    hostname: os.hostname().slice(0, 255) || 'localhost',
    computer_name: os.hostname().slice(0, 255),
    platform: (release['ID'] ?? os.platform()).slice(0, 64),
    os_version: (release['PRETTY_NAME'] ?? `${os.type()} ${os.release()}`).slice(0, 255),
    platform_like: (release['ID_LIKE'] ?? '').slice(0, 255),
    code_name: (release['VERSION_CODENAME'] ?? '').slice(0, 64),
    build: (release['BUILD_ID'] ?? '').slice(0, 255),
    arch: os.machine().slice(0, 64),
    kernel_version: os.release().slice(0, 255),
    memory: os.totalmem(),
    cpu_type: os.machine().slice(0, 64),
    cpu_subtype: cpu.subtype.slice(0, 64),
    cpu_brand: cpu.brand.slice(0, 255),
    cpu_physical_cores: cpu.cores,
    cpu_logical_cores: os.availableParallelism(),
    hardware_vendor: dmi('sys_vendor'),
    hardware_model: dmi('product_name'),
    hardware_version: dmi('product_version'),
    hardware_serial: dmi('product_serial'),
    primary_ip: primary?.address ?? '',
    primary_mac: primary?.mac ?? '',
    addresses,
    uptime_seconds: Math.floor(os.uptime()),
  });
}

function osRelease(): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const line of readTextOr('/etc/os-release').split('\n')) {
    const match = /^([A-Z_]+)=(?:"(.*)"|'(.*)'|(.*))$/.exec(line.trim());
    if (match?.[1] !== undefined) fields[match[1]] = match[2] ?? match[3] ?? match[4] ?? '';
  }
  return fields;
}

function cpuInfo(): { brand: string; subtype: string; cores: number } {
  const text = readTextOr('/proc/cpuinfo');
  const field = (name: string): string => new RegExp(`^${name}\\s*: (.*)$`, 'm').exec(text)?.[1] ?? '';
  const cores = new Set<string>();
  let socket = '0';
  for (const line of text.split('\n')) {
    const [name = '', value = ''] = line.split(':').map((part) => part.trim());
    if (name === 'physical id') socket = value;
    else if (name === 'core id') cores.add(`${socket}/${value}`);
  }
  const brand = field('model name') || (os.cpus()[0]?.model ?? '');
  return { brand, subtype: field('model'), cores: cores.size || os.availableParallelism() };
}

function networkAddresses(): HostFacts['addresses'] {
  return Object.entries(os.networkInterfaces())
    .flatMap(([name, list]) =>
      (list ?? []).map(({ address, family, mac, internal }) => ({
        interface: name.slice(0, 64),
        address: address.slice(0, 64),
        family,
        mac,
        internal,
      })),
    )
    .slice(0, 1024);
}
