import { statfs } from 'node:fs/promises';
import { HostFacts } from '#libs/protocol/index';
import { readTextOr } from '../platform/files.js';
import { quickFacts } from './quick-facts.js';

/** The whole set: what takes a moment longer, or, off Linux, a large library. */
export async function fullFacts(): Promise<HostFacts> {
  const quick = quickFacts();
  const disk = await statfs('/').catch(() => null);
  const facts = {
    ...quick,
    ...primaryOf(quick, defaultInterface()),
    disk_total_bytes: disk === null ? 0 : disk.blocks * disk.bsize,
    disk_available_bytes: disk === null ? 0 : disk.bavail * disk.bsize,
  };
  return HostFacts.parse(process.platform === 'linux' ? facts : { ...facts, ...(await beyondLinux(facts)) });
}

/** The interface of the IPv4 default route. */
function defaultInterface(): string {
  const routes = readTextOr('/proc/net/route').split('\n').slice(1);
  return (
    routes
      .map((line) => line.split('\t'))
      .filter(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000')
      .sort((a, b) => Number(a[6]) - Number(b[6]))[0]?.[0] ?? ''
  );
}

function primaryOf(facts: HostFacts, name: string): Partial<HostFacts> {
  const usable = facts.addresses.filter((address) => address.interface === name && !address.internal);
  const primary = usable.find(({ family }) => family === 'IPv4') ?? usable[0];
  return primary === undefined ? {} : { primary_ip: primary.address, primary_mac: primary.mac };
}

/** Linux says all of this in /sys and /proc; elsewhere systeminformation (large: loaded only here) asks for it. */
async function beyondLinux(facts: HostFacts): Promise<Partial<HostFacts>> {
  const { default: si } = await import('systeminformation');
  const [system, osInfo, name] = await Promise.all([
    si.system().catch(() => null),
    si.osInfo().catch(() => null),
    si.networkInterfaceDefault().catch(() => ''),
  ]);
  const better = (first: string, second: string | undefined): string => first || (second ?? '').slice(0, 255);
  return {
    ...primaryOf(facts, name),
    os_version: `${osInfo?.distro ?? facts.os_version} ${osInfo?.release ?? ''}`.trim().slice(0, 255),
    build: better(facts.build, osInfo?.build),
    hardware_vendor: better(facts.hardware_vendor, system?.manufacturer),
    hardware_model: better(facts.hardware_model, system?.model),
    hardware_version: better(facts.hardware_version, system?.version),
    hardware_serial: better(facts.hardware_serial, system?.serial),
  };
}

/** Whether the server should hear of it: values that move all the time count only when they have moved far. */
export function worthTelling(before: HostFacts, after: HostFacts): boolean {
  const still = ({ uptime_seconds: _u, disk_available_bytes: _d, ...rest }: HostFacts): string =>
    JSON.stringify(rest);
  if (still(before) !== still(after) || after.uptime_seconds < before.uptime_seconds) return true;
  return Math.abs(after.disk_available_bytes - before.disk_available_bytes) > after.disk_total_bytes / 50;
}
