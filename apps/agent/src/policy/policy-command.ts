import { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { parseCommandLine, UsageError } from '../config/command-line.js';
import { errorCode, errorMessage } from '../platform/files.js';
import { type AgentPolicy } from './agent-policy.js';
import { describePolicy, policyWarnings } from './describe.js';
import { parsePolicy } from './parse.js';
import { readPolicyFile } from './policy-file.js';

const EXIT_BAD = 1;

const EXAMPLE = `
Says on standard output what the policy allows; warnings go to standard error. Exit code: 0, 1 when the policy is wrong (the line and the
field are named), 2 for wrong usage.

Example:
  muster agent policy check /etc/muster/agent-policy.yml`;

/** Where the command says what it found. */
export interface PolicyOutput {
  write(text: string): void;
  error(text: string): void;
}

/**
 * `muster agent policy check FILE`: what a policy allows, without an agent.
 * @param args after `agent policy`
 * @returns the exit code
 * @throws UsageError
 */
export function runPolicyCommand(args: readonly string[], output: PolicyOutput): number {
  const command = new Command('muster agent policy').description(
    'Looks at policies of agents (docs/agent-policy.md).',
  );
  let file = '';
  command
    .command('check')
    .description('Says what a policy allows, or what is wrong with it.')
    .argument('<file>', 'the policy, YAML')
    .addHelpText('after', EXAMPLE)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .action((given: string) => {
      file = given;
    });
  parseCommandLine(command, args.length === 0 ? ['--help'] : args);
  const policy = read(file, output);
  if (policy === null) return EXIT_BAD;
  output.write(`${file} is in order. It allows:\n`);
  for (const line of describePolicy(policy)) output.write(`  ${line}\n`);
  for (const warning of policyWarnings(policy)) output.error(`warning: ${warning}\n`);
  try {
    readPolicyFile(file);
  } catch (error) {
    output.error(`warning: an agent would not follow it as it is: ${errorMessage(error)}\n`);
  }
  return 0;
}

function read(file: string, output: PolicyOutput): AgentPolicy | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file} cannot be read (${errorCode(error)})`, EXIT_BAD);
  }
  try {
    return parsePolicy(text);
  } catch (error) {
    output.error(`muster agent policy: ${file}: ${errorMessage(error)}\n`);
    return null;
  }
}
