import { type AgentPolicy, POLICY_KINDS, type PolicyLimits, type PolicyWindow } from './agent-policy.js';

const WIDTH = 14;

/** What a policy allows, in words: a line for each subject. */
export function describePolicy(policy: AgentPolicy): string[] {
  const { kinds, interpreters, users, commands, tables, windows, limits, signatures } = policy;
  const missing = POLICY_KINDS.filter((kind) => kinds?.includes(kind) === false);
  return [
    row(
      'kinds',
      kinds === undefined
        ? 'all'
        : `${kinds.join(', ') || 'none: nothing runs, nothing is answered'}${missing.length > 0 && kinds.length > 0 ? `; no ${missing.join(', ')}` : ''}`,
    ),
    row(
      'interpreters',
      interpreters === undefined ? 'all' : interpreters.join(', ') || 'none: no script runs',
    ),
    row(
      'users',
      users === undefined ? 'any that the agent may become' : users.join(', ') || 'none: nothing runs',
    ),
    ...commandRows(commands),
    row(
      'tables',
      tables === undefined || tables.deny.length === 0 ? 'all' : `all but ${tables.deny.join(', ')}`,
    ),
    row('time', windows === undefined ? 'always' : windows.map(windowWords).join('; ')),
    row(
      'timeout',
      policy.max_timeout_seconds === undefined ? 'as asked for' : `at most ${policy.max_timeout_seconds} s`,
    ),
    row(
      'output kept',
      policy.max_output_bytes === undefined
        ? 'as asked for'
        : `at most ${sizeWords(policy.max_output_bytes)}`,
    ),
    row('limits', limits === undefined ? 'as on the command line of the agent' : limitWords(limits)),
    ...signatureRows(signatures),
  ];
}

/** What an operator may have overlooked. */
export function policyWarnings({ kinds, commands, users, signatures }: AgentPolicy): string[] {
  const runs = (kind: (typeof POLICY_KINDS)[number]): boolean => kinds?.includes(kind) ?? true;
  const scripts = (['scripts', 'instances'] as const).filter(runs);
  return [
    ...(commands !== undefined && scripts.length > 0
      ? [`commands are limited, but ${scripts.join(' and ')} can run what they like: leave them out of kinds`]
      : []),
    ...(commands?.deny !== undefined && commands.allow === undefined
      ? ['a list of denied commands can be got around (/bin/rm, sh -c …): allow what is needed instead']
      : []),
    ...(signatures !== undefined && runs('queries') && !signatures.queries
      ? ['queries need no signature: set signatures.queries, or leave queries out of kinds']
      : []),
    ...(users?.includes('root') === false && signatures?.root_shell !== undefined
      ? ['nothing runs as root here, so root_shell asks for nothing']
      : []),
  ];
}

function row(name: string, text: string): string {
  return `${name.padEnd(WIDTH)}${text}`;
}

function commandRows(commands: AgentPolicy['commands']): string[] {
  const { allow, deny = [], env = [] } = commands ?? {};
  return [
    row(
      'commands',
      allow === undefined
        ? 'all'
        : allow.map((each) => `"${each}"`).join(', ') || 'none: no command, shell line or session runs',
    ),
    ...(deny.length > 0 ? [row('', `but not ${deny.map((each) => `"${each}"`).join(', ')}`)] : []),
    ...(allow === undefined
      ? []
      : [
          row(
            '',
            `with ${env.length === 0 ? 'no variables of their own' : `the variables ${env.join(', ')}`}`,
          ),
        ]),
  ];
}

function windowWords({ days, from = '00:00', to = '24:00', timezone }: PolicyWindow): string {
  const when = from === '00:00' && to === '24:00' ? 'all day' : `${from} to ${to}`;
  return `${days?.join(', ') ?? 'every day'} ${when} (${timezone ?? "the host's time"})`;
}

function limitWords(limits: PolicyLimits): string {
  const words: [number | undefined, (value: number) => string][] = [
    [limits.cpu_seconds, (value) => `${value} s of processor time`],
    [limits.memory_bytes, (value) => `${sizeWords(value)} of memory`],
    [limits.processes, (value) => `${value} processes`],
    [limits.open_files, (value) => `${value} open files`],
    [limits.file_bytes, (value) => `files of ${sizeWords(value)}`],
    [limits.disk_bytes, (value) => `${sizeWords(value)} written to disk`],
    [limits.output_bytes, (value) => `${sizeWords(value)} of output`],
  ];
  const said = words.flatMap(([value, say]) => (value === undefined ? [] : [say(value)]));
  return said.length === 0 ? 'as on the command line of the agent' : `at most ${said.join(', ')}`;
}

function signatureRows(signatures: AgentPolicy['signatures']): string[] {
  if (signatures === undefined) return [row('signatures', 'none are needed')];
  const { signers, required, root_shell, queries, unsigned = [], extra_env = [] } = signatures;
  return [
    row(
      'signatures',
      `${required} of ${signers.map(({ name }) => name).join(', ')} for everything that runs`,
    ),
    ...(root_shell === undefined ? [] : [row('', `${root_shell} for a shell or session as root`)]),
    row('', queries ? `${required} for live queries, too` : 'none for queries'),
    row('', `without: ${unsigned.join(', ') || 'nothing'}`),
    row(
      '',
      `added by the server: ${extra_env.length === 0 ? 'no variables' : `the variables ${extra_env.join(', ')}`}`,
    ),
  ];
}

function sizeWords(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (unit < units.length - 1 && value >= 1024 && value % 1024 === 0) {
    value /= 1024;
    unit += 1;
  }
  return `${value} ${units[unit] ?? ''}`;
}
