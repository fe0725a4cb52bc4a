import { element, elementName, leaf, type TreeNode } from '#libs/triggers/index';
import { type TextRow } from './rows.js';

/** netdevice(7). */
const UP = 0x1;
const RUNNING = 0x40;

/** `/networking`: an element for each interface, by its name, from rows of `interface_details` and `interface_addresses`. */
export function networking(details: readonly TextRow[], addresses: readonly TextRow[]): TreeNode {
  const sorted = [...details].sort((a, b) => ((a['interface'] ?? '') < (b['interface'] ?? '') ? -1 : 1));
  return element(
    'networking',
    {},
    sorted.map((row) => {
      const name = row['interface'] ?? '';
      const flags = Number(row['flags']);
      const own = addresses.filter((address) => address['interface']?.replace(/:.*/, '') === name);
      return element(elementName(name), { name }, [
        leaf('state', flags & RUNNING ? 'up' : 'down'),
        leaf('enabled', (flags & UP) !== 0),
        leaf('mac', row['mac'] ?? ''),
        leaf('mtu', row['mtu'] ?? ''),
        ...own
          .map((address) => [address['address'] ?? '', address['mask'] ?? ''] as const)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([address, mask]) =>
            leaf('address', address, {
              attributes: { family: address.includes(':') ? 'IPv6' : 'IPv4', mask },
            }),
          ),
      ]);
    }),
  );
}
