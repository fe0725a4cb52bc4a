import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { ipv4Mask } from '../posix/addresses.js';

const PROTOCOLS: Record<string, number> = {
  all: 0,
  icmp: 1,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  gre: 47,
  esp: 50,
  ah: 51,
  'ipv6-icmp': 58,
  icmpv6: 58,
  sctp: 132,
  udplite: 136,
};

const PLACES = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'];
const TIMEOUT_MS = 5_000;

/** Words of a rule; quoted ones may have blanks in them. */
function wordsOf(rule: string): string[] {
  return [...rule.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(
    ([, quoted, plain]) => quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '',
  );
}

/** `10.0.0.0/8` apart; the mask may be a number of bits or an address. */
function network(text: string | undefined, negated: boolean): [address: string, mask: string] {
  if (text === undefined) return ['0.0.0.0', '0.0.0.0'];
  const [address = '', mask = '32'] = text.split('/');
  return [`${negated ? '!' : ''}${address}`, mask.includes('.') ? mask : ipv4Mask(Number(mask))];
}

/** The bytes of an interface's name that count, with the one that ends it unless the name is a beginning only. */
function interfaceMask(name: string | undefined): string {
  if (name === undefined) return '';
  return 'FF'.repeat(name.endsWith('+') ? name.length - 1 : name.length + 1);
}

function ruleOf(rule: string): Row {
  const words = wordsOf(rule);
  const valueOf = (...names: string[]): string | undefined => {
    const at = words.findIndex((word) => names.includes(word));
    return at < 0 ? undefined : words[at + 1];
  };
  const negated = (name: string): boolean => words[words.indexOf(name) - 1] === '!';
  const protocol = valueOf('-p') ?? 'all';
  const [srcIp, srcMask] = network(valueOf('-s'), negated('-s'));
  const [dstIp, dstMask] = network(valueOf('-d'), negated('-d'));
  const [incoming, outgoing] = [valueOf('-i'), valueOf('-o')];
  return {
    target: valueOf('-j', '-g') ?? '',
    protocol: PROTOCOLS[protocol] ?? (Number(protocol) || 0),
    src_port: valueOf('--sport', '--sports', '--source-port') ?? '',
    dst_port: valueOf('--dport', '--dports', '--destination-port') ?? '',
    src_ip: srcIp,
    src_mask: srcMask,
    iniface: incoming ?? 'all',
    iniface_mask: interfaceMask(incoming),
    dst_ip: dstIp,
    dst_mask: dstMask,
    outiface: outgoing ?? 'all',
    outiface_mask: interfaceMask(outgoing),
    match: words.includes('-m') ? 'yes' : 'no',
  };
}

/** What `iptables-save -c` says: one row for each chain with its policy, one for each rule. */
export function* parseIptables(lines: Iterable<string>): Iterable<Row> {
  let table = '';
  const policies = new Map<string, string>();
  for (const line of lines) {
    if (line.startsWith('*')) {
      table = line.slice(1).trim();
      policies.clear();
      continue;
    }
    const [, chain, policy, packets, bytes] = /^:(\S+) (\S+)(?: \[(\d+):(\d+)\])?/.exec(line) ?? [];
    if (chain !== undefined && policy !== undefined) {
      // Chains of the administrator's own have none.
      policies.set(chain, policy === '-' ? '' : policy);
      yield {
        filter_name: table,
        chain,
        policy: policies.get(chain),
        packets: Number(packets ?? 0),
        bytes: Number(bytes ?? 0),
      };
      continue;
    }
    const [, rulePackets, ruleBytes, name, rule] = /^(?:\[(\d+):(\d+)\] )?-A (\S+)(.*)$/.exec(line) ?? [];
    if (name === undefined || rule === undefined) continue;
    yield {
      filter_name: table,
      chain: name,
      policy: policies.get(name) ?? '',
      ...ruleOf(rule),
      packets: Number(rulePackets ?? 0),
      bytes: Number(ruleBytes ?? 0),
    };
  }
}

function save(scan: ScanContext): string {
  const program = PLACES.map((place) => `${place}/iptables-save`).find((place) => existsSync(place));
  if (program === undefined) {
    scan.warn('there is no iptables-save here');
    return '';
  }
  try {
    return execFileSync(program, ['-c'], {
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    scan.warn('iptables-save failed: it may not be permitted');
    return '';
  }
}

/** The packet filter of IPv4. */
export const iptables: Table = {
  name: 'iptables',
  platforms: ['linux'],
  *rows(scan) {
    yield* parseIptables(save(scan).split('\n'));
  },
};
