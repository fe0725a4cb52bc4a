import { Command } from 'commander';
import * as path from 'node:path';
import { parseCommandLine } from '../config/command-line.js';
import { defaultStateDir } from '../config/options.js';
import { askFacts } from './answers.js';
import { openFacts } from './facts-tree/open-facts.js';

const EXAMPLE = `
Prints XML, or the value of an expression that selects nothing but says something. Exit code: 0, 1 when the expression cannot be
evaluated, 2 for wrong usage.

Example:
  muster agent facts --xpath "/networking/*[state = 'up']"`;

/** Where the command says what it found. */
export interface FactsOutput {
  write(text: string): void;
  error(text: string): void;
}

/**
 * `muster agent facts`: this host's tree of facts, as triggers see it, without a server.
 * @param args after `agent facts`
 * @returns the exit code
 * @throws UsageError
 */
export async function runFactsCommand(args: readonly string[], output: FactsOutput): Promise<number> {
  const command = new Command('muster agent facts')
    .description('Shows what XPath triggers can see of this host.')
    .option('--xpath <expression>', 'only what this selects or says (XPath 1.0)')
    .option('--state-dir <dir>', `where the agent's own facts are (default: ${defaultStateDir()})`)
    .addHelpText('after', EXAMPLE);
  parseCommandLine(command, args);
  const { xpath, stateDir } = command.opts<{ xpath?: string; stateDir?: string }>();
  const { tree, tables } = openFacts(path.resolve(stateDir ?? defaultStateDir(), 'facts'), null);
  try {
    const { error, value, xml } = await askFacts(tree, { roots: new Set(), files: [] }, xpath ?? null);
    if (error !== undefined) {
      output.error(`muster agent facts: ${error}\n`);
      return 1;
    }
    const text = value === undefined ? (xml ?? '') : String(value);
    if (text !== '') output.write(`${text}\n`);
    return 0;
  } finally {
    tables.close();
  }
}
