import { type HostFacts } from '#libs/protocol/index';

/** Fleet's built-in labels; the migration that makes the table inserts them under these ids. */
export const BuiltinLabel = {
  allHosts: 1,
  macOS: 2,
  ubuntu: 3,
  centOS: 4,
  windows: 5,
  redHat: 6,
  allLinux: 7,
  chrome: 8,
  macOS14: 9,
  iOS: 10,
  iPadOS: 11,
  fedora: 12,
  android: 13,
} as const;
export type BuiltinLabel = (typeof BuiltinLabel)[keyof typeof BuiltinLabel];

/** What decides in which built-in labels a host is. */
export type PlatformFacts = Pick<HostFacts, 'platform' | 'os_version'>;

/** What `os-release` and Node call systems that are no Linux. */
const NOT_LINUX = [
  'aix',
  'android',
  'chrome',
  'cygwin',
  'darwin',
  'freebsd',
  'ios',
  'ipados',
  'netbsd',
  'openbsd',
  'sunos',
  'win32',
  'windows',
];

/** Each of these labels, and which hosts are in it; the three without a rule are filled by people. */
const RULES: readonly (readonly [BuiltinLabel, (facts: PlatformFacts) => boolean])[] = [
  [BuiltinLabel.allHosts, () => true],
  [BuiltinLabel.macOS, ({ platform }) => platform === 'darwin'],
  [BuiltinLabel.ubuntu, ({ platform }) => platform === 'ubuntu'],
  [BuiltinLabel.centOS, ({ platform, os_version }) => platform === 'centos' || /centos/i.test(os_version)],
  [BuiltinLabel.windows, ({ platform }) => platform === 'windows'],
  [BuiltinLabel.redHat, ({ os_version }) => /red hat/i.test(os_version)],
  [BuiltinLabel.allLinux, isLinux],
  [BuiltinLabel.chrome, ({ platform }) => platform === 'chrome'],
  [BuiltinLabel.macOS14, isMacOS14],
  [BuiltinLabel.fedora, ({ os_version }) => /^fedora/i.test(os_version)],
];

/** The built-in labels whose members are known from facts. */
export const JUDGED_BY_FACTS: readonly BuiltinLabel[] = RULES.map(([label]) => label);

const BUILTIN_IDS: ReadonlySet<number> = new Set(Object.values(BuiltinLabel));

/** Whether this is the id of a built-in label. */
export function isBuiltin(labelId: number): boolean {
  return BUILTIN_IDS.has(labelId);
}

/** The labels of `JUDGED_BY_FACTS` that a host with these facts is in. */
export function builtinLabelsOf(facts: PlatformFacts): BuiltinLabel[] {
  return RULES.filter(([, rule]) => rule(facts)).map(([label]) => label);
}

/** Unlike the label's query, every Linux: the query is there for osquery, and knows the distributions that osquery is built on. */
function isLinux({ platform }: PlatformFacts): boolean {
  return platform !== '' && !NOT_LINUX.includes(platform);
}

/** An agent that has just started knows only the kernel's version: Darwin 23 is macOS 14. */
function isMacOS14({ platform, os_version }: PlatformFacts): boolean {
  if (platform !== 'darwin') return false;
  const major = Number(/\d+/.exec(os_version)?.[0] ?? 0);
  return major >= (/^darwin/i.test(os_version) ? 23 : 14);
}
