/** Addresses as the kernel writes them into /proc/net, and what follows from a prefix. */

/** An IPv4 address of 8 hexadecimal digits in the machine's own byte order, which is little-endian wherever Node runs. */
export function ipv4FromHex(hex: string): string {
  return [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join('.');
}

/** An IPv6 address of 32 hexadecimal digits in network order, as `if_inet6` and `ipv6_route` have them. */
export function ipv6FromHex(hex: string): string {
  return compressed(Array.from({ length: 8 }, (_, i) => Number.parseInt(hex.slice(i * 4, i * 4 + 4), 16)));
}

/** As `ipv6FromHex`, of four words each in the machine's byte order, as `tcp6` and its like have them. */
export function ipv6FromWords(hex: string): string {
  const bytes = Array.from({ length: 16 }, (_, i) => {
    const at = (i - (i % 4) + (3 - (i % 4))) * 2;
    return hex.slice(at, at + 2);
  });
  return ipv6FromHex(bytes.join(''));
}

/** The number that four decimal parts stand for. */
export function ipv4ToNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** The opposite of `ipv4ToNumber`. */
export function ipv4FromNumber(number: number): string {
  return [24, 16, 8, 0].map((bits) => (number >>> bits) & 255).join('.');
}

/** `255.255.255.0` of 24. */
export function ipv4Mask(prefix: number): string {
  return ipv4FromNumber(prefix === 0 ? 0 : (-1 << (32 - prefix)) >>> 0);
}

/** `ffff:ffff::` of 32. */
export function ipv6Mask(prefix: number): string {
  return compressed(
    Array.from({ length: 8 }, (_, i) => {
      const bits = Math.min(16, Math.max(0, prefix - i * 16));
      return 0xffff & (0xffff << (16 - bits));
    }),
  );
}

/** 24 of `255.255.255.0`. */
export function prefixOf(mask: string): number {
  return ipv4ToNumber(mask).toString(2).replaceAll('0', '').length;
}

/** The short form of RFC 5952, as inet_ntop has it: also with the last 32 bits in decimal where they are an IPv4 address. */
function compressed(groups: readonly number[]): string {
  const zeros = (count: number): boolean => groups.slice(0, count).every((group) => group === 0);
  const [high = 0, low = 0] = groups.slice(6);
  const decimal = [high >> 8, high & 255, low >> 8, low & 255].join('.');
  if (zeros(5) && groups[5] === 0xffff) return `::ffff:${decimal}`;
  if (zeros(6) && high !== 0) return `::${decimal}`;
  const text = groups.map((group) => group.toString(16)).join(':');
  const runs = [...text.matchAll(/(?<![0-9a-f])0(?::0)+(?![0-9a-f])/g)];
  const longest = runs.reduce((best, [run]) => (run.length > best.length ? run : best), '');
  if (longest === '') return text;
  const at = runs.find(([run]) => run === longest)?.index ?? 0;
  const before = text.slice(0, at).replace(/:$/, '');
  return `${before}::${text.slice(at + longest.length).replace(/^:/, '')}`;
}
