import * as fs from 'node:fs';
import * as path from 'node:path';
import { type HeldBlocks, type Standing, StandingBlock } from '#libs/protocol/index';
import { errorMessage, readTextOr, writeFileAtomically } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';

/** The agent's blocks of standing work, in memory and on disk: it goes on with them after a restart, whether or not the server is there. */
export class BlockStore {
  private readonly file: string;
  private readonly blocks = new Map<string, StandingBlock>();

  /** Reads what an earlier process kept; what cannot be read is asked for again. */
  constructor(
    directory: string,
    private readonly log: AgentLogger,
  ) {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.file = path.join(directory, 'blocks.json');
    for (const block of this.read()) this.blocks.set(block.id, block);
  }

  /** For the hello. */
  held(): HeldBlocks {
    return Object.fromEntries([...this.blocks.values()].map(({ id, hash }) => [id, hash]));
  }

  all(): StandingBlock[] {
    return [...this.blocks.values()];
  }

  /** Keeps what the server sent. */
  apply({ remove, blocks }: Standing): void {
    for (const id of remove) this.blocks.delete(id);
    for (const block of blocks) this.blocks.set(block.id, block);
    try {
      writeFileAtomically(this.file, JSON.stringify(this.all()));
    } catch (error) {
      // It works from memory; a restart asks the server again.
      this.log.warn({ err: errorMessage(error) }, 'standing work could not be written to disk');
    }
  }

  private read(): StandingBlock[] {
    try {
      return StandingBlock.array().parse(JSON.parse(readTextOr(this.file, '[]')));
    } catch (error) {
      this.log.warn(
        { err: errorMessage(error) },
        'standing work on disk cannot be read; asking the server again',
      );
      return [];
    }
  }
}
