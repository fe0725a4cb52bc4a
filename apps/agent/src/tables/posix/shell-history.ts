import { type Row, type Table } from '../engine/table.js';
import { type Account, tableOfAccounts } from './accounts.js';
import { joined, linesOf, type Warn } from './files.js';

const FILES = ['.bash_history', '.zsh_history', '.zhistory', '.history', '.sh_history'];
const BASH_TIME = /^#(\d+)$/;
const ZSH = /^: {0,10}(\d{1,11}):\d+;(.*)$/;

/** Lines of a history as commands with their times, where the shell has written them; 0 where it has not. */
export function* parseHistory(lines: Iterable<string>): Generator<Row> {
  let time: number | null = null;
  for (const line of lines) {
    if (line === '') continue;
    const stamp: RegExpExecArray | null = time === null ? BASH_TIME.exec(line) : null;
    if (stamp) {
      time = Number(stamp[1]);
      continue;
    }
    const [, zsh, command = ''] = (time === null ? ZSH.exec(line) : null) ?? [];
    yield zsh === undefined ? { time: time ?? 0, command: line } : { time: Number(zsh), command };
    time = null;
  }
}

/** What an account has typed into its shells. */
export function* shellHistoryOf({ directory }: Account, scan: Warn): Generator<Row> {
  for (const name of FILES) {
    const path = joined(directory, name);
    for (const row of parseHistory(linesOf(path, scan, 'the shell history of every account')))
      yield { history_file: path, ...row };
  }
}

export const shellHistory: Table = tableOfAccounts('shell_history', shellHistoryOf);
