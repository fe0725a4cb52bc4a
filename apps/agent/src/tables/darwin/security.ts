import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { outputOf } from '../posix/programs.js';
import { dictionaryOf, numberOf, plainOf, type Plist, readPlist } from './plist.js';

/** What csrutil calls each protection, and what is allowed where it is off. */
const PROTECTIONS = [
  ['allow_apple_internal', 'Apple Internal', true],
  ['allow_untrusted_kexts', 'Kext Signing', false],
  ['allow_unrestricted_fs', 'Filesystem Protections', false],
  ['allow_task_for_pid', 'Debugging Restrictions', false],
  ['allow_unrestricted_dtrace', 'DTrace Restrictions', false],
  ['allow_unrestricted_nvram', 'NVRAM Protections', false],
] as const;

/** Rows of what `csrutil status` says; none of what it does not know itself. */
export function* parseSip(text: string): Generator<Row> {
  const [, status] = /^System Integrity Protection status: (\w+)/m.exec(text) ?? [];
  const known = new Map(
    [...text.matchAll(/^\s+([\w ]+): (enabled|disabled)/gm)].map(
      ([, name = '', state]) => [name, state] as const,
    ),
  );
  const whole = status === 'enabled' || status === 'disabled';
  if (!whole && known.size === 0) return;
  // Anything that is allowed counts as off.
  const on = (name: string): boolean => known.get(name) === 'enabled';
  const custom = PROTECTIONS.some(([, name, allows]) => known.has(name) && on(name) === allows);
  yield { config_flag: 'sip', enabled: status !== 'disabled' && whole && !custom };
  for (const [config_flag, name, allows] of PROTECTIONS) {
    if (known.has(name)) yield { config_flag, enabled: on(name) === allows };
    else if (whole && !allows) yield { config_flag, enabled: status === 'disabled' };
  }
}

/** System integrity protection, and what is allowed in spite of it. */
export const sipConfig: Table = {
  name: 'sip_config',
  platforms: ['darwin'],
  *rows(scan) {
    yield* parseSip(outputOf('csrutil', ['status'], scan, { partial: true }) ?? '');
  },
};

/** The row of `gatekeeper`, of what `spctl --status --verbose` says; null when it says nothing of it. */
export function parseGatekeeper(text: string): Row | null {
  const [, state] = /^assessments (enabled|disabled)/m.exec(text) ?? [];
  if (state === undefined) return null;
  const enabled = state === 'enabled';
  const developers = /^developer id (enabled|disabled)/m.exec(text)?.[1];
  return {
    assessments_enabled: enabled,
    dev_id_enabled: enabled && (developers ?? state) === 'enabled',
  };
}

/** Whether programs are looked at before they may run. */
export const gatekeeper: Table = {
  name: 'gatekeeper',
  platforms: ['darwin'],
  *rows(scan) {
    const row = parseGatekeeper(outputOf('spctl', ['--status', '--verbose'], scan, { partial: true }) ?? '');
    const version = (bundle: string): string => {
      const plist = readPlist(`/var/db/${bundle}.bundle/Contents/version.plist`, scan);
      return plainOf(dictionaryOf(plist).get('CFBundleShortVersionString'));
    };
    if (row) yield { ...row, version: version('gke'), opaque_version: version('gkopaque') };
  },
};

/** The row of `alf`, of the firewall's preferences. */
export function toFirewall(plist: Plist): Row {
  const preferences = dictionaryOf(plist);
  return {
    allow_signed_enabled: numberOf(preferences.get('allowsignedenabled')),
    firewall_unload: numberOf(preferences.get('firewallunload')),
    global_state: numberOf(preferences.get('globalstate')),
    logging_enabled: numberOf(preferences.get('loggingenabled')),
    logging_option: numberOf(preferences.get('loggingoption')),
    stealth_enabled: numberOf(preferences.get('stealthenabled')),
    version: plainOf(preferences.get('version')),
  };
}

/** The row of `alf`, of what the firewall's own program says, where it keeps no such preferences; null when it says nothing. */
export function parseFirewall(text: string): Row | null {
  const state = /\(State = (\d)\)/.exec(text)?.[1];
  if (state === undefined) return null;
  const flag = (expression: RegExp): boolean | null => {
    const word = expression.exec(text)?.[1]?.toLowerCase();
    return word === undefined ? null : ['on', 'enabled'].includes(word);
  };
  return {
    allow_signed_enabled: flag(/built-in signed software (enabled|disabled)/i),
    global_state: Number(state),
    logging_enabled: flag(/log mode is (on|off)/i),
    stealth_enabled: flag(/stealth mode (?:is )?(on|off|enabled|disabled)/i),
    version: '',
  };
}

function askFirewall(scan: ScanContext): Row | null {
  const options = ['--getglobalstate', '--getallowsigned', '--getloggingmode', '--getstealthmode'];
  const program = '/usr/libexec/ApplicationFirewall/socketfilterfw';
  return parseFirewall(options.map((option) => outputOf(program, [option], scan) ?? '').join('\n'));
}

/** The firewall for applications. */
export const alf: Table = {
  name: 'alf',
  platforms: ['darwin'],
  *rows(scan) {
    const plist = readPlist('/Library/Preferences/com.apple.alf.plist', scan);
    const row = plist === null ? askFirewall(scan) : toFirewall(plist);
    if (row) yield row;
  },
};
