import { type Chunk, type Execution } from '../api/shapes.js';
import { type Io, line, printable, styled, write } from '../terminal/io.js';

/**
 * Writes output as the bytes it is. Where it comes from several hosts, a line on stderr says from which before each
 * change, so that stdout stays what the hosts wrote; and so does one where output is missing.
 */
export class OutputWriter {
  private readonly names = new Map<string, string>();
  private readonly several: boolean;
  private last = '';

  /** @param execution absent: there is one host */
  constructor(
    private readonly io: Io,
    execution: Execution | undefined,
    private readonly quiet = false,
  ) {
    this.several = (execution?.targets.length ?? 1) > 1;
    for (const target of execution?.targets ?? []) {
      const name = target.host.hostname || `host ${target.host.id}`;
      this.names.set(String(target.id), name).set(target.uuid, name);
    }
  }

  async write(chunk: Chunk): Promise<void> {
    if (this.several && chunk.targetId !== this.last) {
      const name = printable(this.names.get(chunk.targetId) ?? chunk.targetId);
      this.note(`==> ${name} <==`, 'bold');
      this.last = chunk.targetId;
    }
    if (chunk.droppedBefore > 0 && !this.quiet)
      this.note(`[${chunk.droppedBefore} bytes were not kept]`, 'yellow');
    await write(chunk.stream === 'stdout' ? this.io.stdout : this.io.stderr, chunk.bytes);
  }

  private note(text: string, style: 'bold' | 'yellow'): void {
    line(this.io.stderr, styled(this.io, this.io.stderr, style, text));
  }
}
