import { createHash, createPrivateKey, sign } from 'node:crypto';
import { type HostFacts, rawPublicKey } from '#libs/protocol/index';

/** A machine that does not exist: always the same one for the same seed, prefix and number. */
export interface Machine {
  readonly hostname: string;
  readonly hardwareUuid: string;
  readonly facts: HostFacts;
}

const GIGABYTE = 1024 ** 3;

/** @param number from 0 */
export function machineOf(seed: number, prefix: string, number: number, platform: string): Machine {
  const hostname = `${prefix}${number + 1}`;
  const digest = createHash('sha256').update(`${seed} ${prefix} ${number}`).digest();
  const hex = digest.toString('hex');
  const uuid = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  const address = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
  const mac = `02:${(hex.slice(32, 42).match(/../g) ?? []).join(':')}`;
  return {
    hostname,
    hardwareUuid: uuid.join('-'),
    facts: {
      hostname,
      platform,
      os_version: platform === 'debian' ? 'Debian GNU/Linux 12 (bookworm)' : platform,
      arch: 'x86_64',
      platform_like: platform,
      code_name: platform === 'debian' ? 'bookworm' : '',
      build: '',
      kernel_version: '6.1.0-18-amd64',
      computer_name: hostname,
      memory: 16 * GIGABYTE,
      cpu_type: 'x86_64',
      cpu_subtype: '',
      cpu_brand: 'Simulated Processor @ 2.40GHz',
      cpu_physical_cores: 4,
      cpu_logical_cores: 8,
      hardware_vendor: 'Muster',
      hardware_model: 'Swarm',
      hardware_version: '1',
      hardware_serial: hex.slice(42, 54).toUpperCase(),
      primary_ip: address,
      primary_mac: mac,
      addresses: [{ interface: 'eth0', address, family: 'IPv4', mac, internal: false }],
      uptime_seconds: 1 + (digest.readUInt32BE(28) % 1_000_000),
      disk_total_bytes: 500 * GIGABYTE,
      disk_available_bytes: 200 * GIGABYTE,
    },
  };
}

/** What stands before the 32 bytes of a seed in an Ed25519 key's PKCS8 (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The key of the agent that is not on this machine. It follows from the machine, so that a swarm comes back as the same hosts; it is no secret. */
export function keyOf({ hardwareUuid }: Machine): { publicKey: string; sign(bytes: Buffer): string } {
  const seed = createHash('sha256').update(`muster swarm ${hardwareUuid}`).digest();
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  return {
    publicKey: rawPublicKey(key)?.toString('base64') ?? '',
    sign: (bytes) => sign(null, bytes, key).toString('base64url'),
  };
}
