import { Injectable } from '@nestjs/common';

/** Of these hosts, the ids of those on which something is in flight. */
export type LoadSource = (hostIds: readonly number[]) => Promise<readonly number[]>;

/** What other libraries have under way on hosts; they say so at their start, this one knows nothing of them. */
@Injectable()
export class HostLoad {
  private readonly sources: LoadSource[] = [];

  add(source: LoadSource): void {
    this.sources.push(source);
  }

  async busyAmong(hostIds: readonly number[]): Promise<ReadonlySet<number>> {
    if (hostIds.length === 0) return new Set();
    return new Set((await Promise.all(this.sources.map((source) => source(hostIds)))).flat());
  }
}
