import { type TreeNode } from '#libs/triggers/index';
import { custom } from './files.js';
import { os, system } from './host.js';
import { mounts } from './mounts.js';
import { networking } from './networking.js';
import { type Tables, type TextRow } from './rows.js';
import { packages, PACKAGES_SQL, services, SERVICES_SQL } from './software.js';

/** One element of the root: how it is read, and how old it may be while somebody looks at it. */
export interface FactsSource {
  readonly name: string;
  readonly maxAgeMs: number;
  /** How old it has to be before a hint of the system has it read again; hints about what is dear come in swarms. */
  readonly calmMs?: number;
  readonly read: () => Promise<TreeNode>;
}

const LINUX = process.platform === 'linux';
const NETWORKING = ['interface_details', 'interface_addresses'] as const;

/** Linux says these in a millisecond; elsewhere programs have to be asked. */
async function tableRows(name: (typeof NETWORKING)[number] | 'mounts', tables: Tables): Promise<TextRow[]> {
  if (!LINUX) return tables.rows(`SELECT * FROM ${name}`);
  if (name === 'mounts') return tables.here((await import('../../tables/linux/mounts.js')).mounts);
  const { interfaceAddresses, interfaceDetails } = await import('../../tables/linux/interfaces.js');
  return tables.here(name === 'interface_details' ? interfaceDetails : interfaceAddresses);
}

/** Everything in the tree but `/files`, which is what is asked for. */
export function factsSources(tables: Tables, customDirectory: string): FactsSource[] {
  const often = LINUX ? 1500 : 10_000;
  return [
    { name: 'system', maxAgeMs: LINUX ? 10_000 : 600_000, read: system },
    { name: 'os', maxAgeMs: LINUX ? 10_000 : 600_000, read: os },
    {
      name: 'networking',
      maxAgeMs: often,
      read: async () => {
        const [details = [], addresses = []] = await Promise.all(
          NETWORKING.map((name) => tableRows(name, tables)),
        );
        return networking(details, addresses);
      },
    },
    { name: 'mounts', maxAgeMs: often, read: async () => mounts(await tableRows('mounts', tables)) },
    { name: 'services', maxAgeMs: 10_000, read: async () => services(await tables.rows(SERVICES_SQL)) },
    {
      name: 'packages',
      maxAgeMs: 300_000,
      calmMs: 5000,
      read: async () => packages(await tables.rows(PACKAGES_SQL)),
    },
    { name: 'custom', maxAgeMs: 1500, read: () => custom(customDirectory) },
  ];
}
