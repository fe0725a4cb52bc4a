import { open, stat, type FileHandle } from 'node:fs/promises';
import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Batcher } from '#libs/platform/batch/index';
import { type Settings, SETTINGS } from '#libs/platform/config/index';

/** Lines in one write; a batch waits for the write before it. */
const BATCH = 1_000;

/**
 * The file of scheduled queries' results, for whoever collects logs. It may be moved away at any time: the next write, and SIGHUP,
 * opens it anew under its name.
 */
@Injectable()
export class ResultsLog implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(ResultsLog.name);
  private readonly path: string | null;
  private file: FileHandle | null = null;
  private readonly writes = new Batcher((texts: string[]) => this.write(texts), BATCH);
  private readonly onHangUp = (): void => void this.close();

  constructor(@Inject(SETTINGS) settings: Pick<Settings, 'resultsLog'>) {
    this.path = settings.resultsLog;
  }

  get isOn(): boolean {
    return this.path !== null;
  }

  onModuleInit(): void {
    if (this.isOn) process.on('SIGHUP', this.onHangUp);
  }

  async onApplicationShutdown(): Promise<void> {
    process.off('SIGHUP', this.onHangUp);
    await this.writes.idle();
    await this.close();
  }

  /** Resolves when the lines are in the file. @throws when they could not be written: whoever said them is to say them again */
  async append(lines: readonly string[]): Promise<void> {
    if (lines.length > 0 && this.isOn) await this.writes.add(`${lines.join('\n')}\n`);
  }

  private async write(texts: string[]): Promise<undefined[]> {
    try {
      const file = await this.current();
      await file.appendFile(texts.join(''));
    } catch (error) {
      await this.close();
      this.logger.error('results could not be written to the results log', {
        path: this.path,
        reason: String(error),
      });
      throw error;
    }
    return texts.map(() => undefined);
  }

  /** The file under its name, which is another one when it has been moved. */
  private async current(): Promise<FileHandle> {
    const path = this.path ?? '';
    if (this.file) {
      const [ours, named] = await Promise.all([this.file.stat(), stat(path).catch(() => null)]);
      if (named?.ino === ours.ino && named.dev === ours.dev) return this.file;
      await this.close();
    }
    this.file = await open(path, 'a', 0o640);
    return this.file;
  }

  private async close(): Promise<void> {
    const { file } = this;
    this.file = null;
    await file?.close().catch(() => undefined);
  }
}
