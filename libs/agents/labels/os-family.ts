import { builtinLabelsOf, BuiltinLabel } from './builtin-labels.js';

/** The word that queries, packs and policies have for a host's platform; empty: none of theirs. @param platform osquery's word */
export function osFamily(platform: string): 'darwin' | 'linux' | 'windows' | 'chrome' | '' {
  if (platform === 'darwin' || platform === 'windows' || platform === 'chrome') return platform;
  return builtinLabelsOf({ platform, os_version: '' }).includes(BuiltinLabel.allLinux) ? 'linux' : '';
}

/** Whether something for these platforms (with commas between them; empty: all) is for hosts of that platform. */
export function isForPlatform(platforms: string, platform: string): boolean {
  return platforms === '' || platforms.split(',').includes(osFamily(platform));
}
