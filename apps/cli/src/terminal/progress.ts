import { type Io, printable, styled } from './io.js';

/**
 * One line on stderr that says what is going on, replaced by the next one and gone before output appears. Says
 * nothing where nobody looks.
 */
export class Progress {
  private shown = '';
  private readonly active: boolean;

  constructor(
    private readonly io: Io,
    quiet: boolean,
  ) {
    this.active = !quiet && io.stderr.isTTY === true;
  }

  /** Somebody may be looking. */
  get visible(): boolean {
    return this.active;
  }

  show(text: string): void {
    if (!this.active || text === this.shown) return;
    const room = (this.io.stderr.columns || 80) - 1;
    const plain = printable(text);
    this.io.stderr.write(
      `\r\u001b[K${styled(this.io, this.io.stderr, 'dim', plain.length > room ? `${plain.slice(0, room - 1)}…` : plain)}`,
    );
    this.shown = text;
  }

  clear(): void {
    if (this.shown) this.io.stderr.write('\r\u001b[K');
    this.shown = '';
  }

  /** A line that stays, for people only. */
  note(text: string): void {
    this.clear();
    if (this.active) this.io.stderr.write(`${styled(this.io, this.io.stderr, 'dim', printable(text))}\n`);
  }

  /** A line that stays, for logs too. */
  warn(text: string): void {
    this.clear();
    this.io.stderr.write(`${styled(this.io, this.io.stderr, 'yellow', printable(text))}\n`);
  }
}
