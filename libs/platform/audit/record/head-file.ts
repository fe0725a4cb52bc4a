import { open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { type Signed } from '../chain/index.js';

const HeadFileShape = z.object({ body: z.string(), signature: z.string() });

/** The last seal, kept outside of the database: whoever cuts off the end of the record there is found out. */
export class HeadFile {
  readonly path: string;

  constructor(dataDir: string) {
    this.path = join(dataDir, 'audit-head.json');
  }

  /**
   * @returns null: there is none
   * @throws Error with one clear line
   */
  async read(): Promise<Signed | null> {
    let text: string;
    try {
      text = await readFile(this.path, 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return null;
      throw new Error(`cannot read ${this.path} (${code})`, { cause: error });
    }
    try {
      const { body, signature } = HeadFileShape.parse(JSON.parse(text));
      return { body, signature: Buffer.from(signature, 'base64') };
    } catch (error) {
      throw new Error(`${this.path} is damaged`, { cause: error });
    }
  }

  /** On disk when it resolves: what is there after a power cut is this one or the one before. */
  async write({ body, signature }: Signed): Promise<void> {
    const draft = `${this.path}.new`;
    const file = await open(draft, 'w', 0o600);
    try {
      await file.writeFile(`${JSON.stringify({ body, signature: signature.toString('base64') })}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, this.path);
    const folder = await open(dirname(this.path), 'r');
    await folder.sync().finally(() => folder.close());
  }
}
