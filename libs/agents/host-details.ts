import { Injectable } from '@nestjs/common';
import { type HostDetailPartsDto } from './hosts.dto.js';

/** What has to be known of a host to say more about it. */
export interface DetailedHost {
  readonly id: number;
  /** null: of no team. */
  readonly teamId: number | null;
  /** osquery's word: debian, darwin, windows… */
  readonly platform: string;
}

export type HostDetailSource = (host: DetailedHost) => Promise<Partial<HostDetailPartsDto>>;

/** What other libraries know about one host; they say so at their start, this one knows nothing of them. */
@Injectable()
export class HostDetails {
  private readonly sources: HostDetailSource[] = [];

  add(source: HostDetailSource): void {
    this.sources.push(source);
  }

  async of(host: DetailedHost): Promise<HostDetailPartsDto> {
    const parts = await Promise.all(this.sources.map((source) => source(host)));
    return Object.assign({ packs: [], policies: [] }, ...parts) as HostDetailPartsDto;
  }
}
