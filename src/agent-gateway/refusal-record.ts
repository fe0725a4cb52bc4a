import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import { type RefusedMessage } from '#libs/protocol/index';
import { Audit } from '#libs/platform/audit/index';
import { Database } from '#libs/platform/database/index';

/** Rows about what one host refused that are written in an hour; what comes beyond is counted, and makes one row at its end. */
export const ROWS_PER_HOUR = 200;
const HOUR_MS = 3_600_000;

/** Whose agent it is. */
export interface TrustedHost {
  readonly hostId: number;
  readonly hostUuid: string;
  readonly hostname: string;
  readonly address: string;
}

/** What a host has told within the hour that began with its first refusal. */
interface Told {
  readonly host: TrustedHost;
  readonly over: NodeJS.Timeout;
  rows: number;
  /** What has no row, by code. */
  readonly counted: Map<string, number>;
}

/** What agents refused, in the record: each, as long as they are few. However a host behaves, it writes no more than so much there. */
@Injectable()
export class RefusalRecord implements BeforeApplicationShutdown {
  private readonly logger = new Logger(RefusalRecord.name);
  private readonly told = new Map<number, Told>();

  constructor(
    private readonly audit: Audit,
    private readonly database: Database,
  ) {}

  /** Resolves when those that get a row are in the record. */
  async add(host: TrustedHost, refusals: readonly RefusedMessage[]): Promise<void> {
    const told = this.toldBy(host);
    const written = refusals.slice(0, Math.max(0, ROWS_PER_HOUR - told.rows));
    if (written.length > 0) {
      told.rows += written.length;
      this.logger.warn('an agent refused what it was told', {
        host_id: host.hostId,
        hostname: host.hostname,
        codes: [...new Set(written.map(({ code }) => code))],
      });
      await this.database.transaction(async (tx) => {
        for (const refusal of written) await this.audit.record(tx, recordOf(host, detailsOf(refusal)));
      });
    }
    for (const { code, count } of refusals.slice(written.length))
      told.counted.set(code, (told.counted.get(code) ?? 0) + count);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([...this.told.keys()].map((hostId) => this.close(hostId)));
  }

  private toldBy(host: TrustedHost): Told {
    const before = this.told.get(host.hostId);
    if (before) return before;
    const over = setTimeout(() => void this.close(host.hostId), HOUR_MS);
    over.unref();
    const told: Told = { host, over, rows: 0, counted: new Map() };
    this.told.set(host.hostId, told);
    return told;
  }

  /** The hour is over. */
  private async close(hostId: number): Promise<void> {
    const told = this.told.get(hostId);
    if (!told) return;
    clearTimeout(told.over);
    this.told.delete(hostId);
    if (told.counted.size === 0) return;
    const counted = Object.fromEntries(told.counted);
    try {
      await this.audit.record(
        null,
        recordOf(told.host, { counted, message: `more than ${ROWS_PER_HOUR} refusals in an hour` }),
      );
    } catch (error) {
      this.logger.warn('what an agent refused could not be written into the record', {
        host_id: hostId,
        counted,
        reason: String(error),
      });
    }
  }
}

function detailsOf({ at, ...rest }: RefusedMessage): Record<string, unknown> {
  return { ...rest, refused_at: new Date(at).toISOString() };
}

function recordOf(
  { hostId, hostname, address }: TrustedHost,
  details: Record<string, unknown>,
): Parameters<Audit['record']>[1] {
  return {
    userId: null,
    email: null,
    address,
    act: 'refused_order',
    outcome: 'denied',
    hostId,
    details: { ...details, hostname },
  };
}
