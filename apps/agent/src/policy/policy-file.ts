import * as fs from 'node:fs';
import * as path from 'node:path';
import { errorCode, errorMessage } from '../platform/files.js';
import { type AgentPolicy } from './agent-policy.js';
import { parsePolicy } from './parse.js';

/** A policy file that cannot be followed, in one line that names it. */
export class PolicyFileError extends Error {}

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * Reads a policy from its file.
 * @throws PolicyFileError when it cannot be read, is wrong, or when somebody else than root and this account could change it
 */
export function readPolicyFile(file: string): AgentPolicy {
  let text: string;
  try {
    // What is read and what is looked at is the same file, whoever puts another in its place; a pipe holds nobody up.
    const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    try {
      const objection = objectionTo(fs.fstatSync(fd), fs.realpathSync(file));
      if (objection !== null) throw new PolicyFileError(`the policy ${file} ${objection}`);
      text = fs.readFileSync(fd, 'utf8');
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    if (error instanceof PolicyFileError) throw error;
    throw new PolicyFileError(
      `the policy ${file} cannot be read (${errorCode(error) || errorMessage(error)})`,
    );
  }
  try {
    return parsePolicy(text);
  } catch (error) {
    throw new PolicyFileError(`the policy ${file}, ${errorMessage(error)}`);
  }
}

/** Tells one state of a file from another; empty: there is none. */
export function fileMark(file: string): string {
  const found = fs.statSync(file, { bigint: true, throwIfNoEntry: false });
  return found === undefined
    ? ''
    : [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(':');
}

/** Why a file, or a directory on the way to it, is not safe to be believed; null: it is. */
function objectionTo(found: fs.Stats, realPath: string): string | null {
  if (!found.isFile()) return 'is no file';
  if (!isOurs(found)) return 'must be owned by root or by the account of the agent';
  if ((found.mode & WRITABLE_BY_OTHERS) !== 0) return 'can be written by others: chmod go-w';
  for (let directory = path.dirname(realPath); ; directory = path.dirname(directory)) {
    const above = fs.statSync(directory);
    const open = (above.mode & WRITABLE_BY_OTHERS) !== 0 && (above.mode & STICKY) === 0;
    if (open || !isOurs(above)) return `is in ${directory}, where others could put another in its place`;
    if (directory === path.dirname(directory)) return null;
  }
}

function isOurs({ uid }: fs.Stats): boolean {
  return uid === 0 || uid === process.getuid?.();
}
