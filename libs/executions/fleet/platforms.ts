/** `.ps1` for Windows, `.sh` for all others; empty for a host whose platform is not known: anything may run there. */
export function extensionFor(platform: string | null): '' | '.sh' | '.ps1' {
  if (platform === null || platform === '') return '';
  return platform === 'windows' ? '.ps1' : '.sh';
}
