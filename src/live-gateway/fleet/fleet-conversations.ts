import { type BeforeApplicationShutdown, Inject, Injectable, Logger } from '@nestjs/common';
import { CampaignStreams, type StreamEvent } from '#libs/queries/index';
import { isConnectionError } from '#libs/platform/database/index';
import { LIVE_LIMITS, type LiveLimits } from '../limits.js';
import { LiveSubscriptions } from '../live-subscriptions.js';
import { type Connection } from './connection.js';
import { errorText, readAuth, readSelect, writeMessage } from './messages.js';

const INTERNAL = 'error getting campaign reader: internal error; the server log says more';
const AWAY = 'error getting campaign reader: the database cannot be reached at the moment; try again';

/** What is known of a conversation when it fails. */
interface Progress {
  campaignId: number;
  /** Of the last event that was sent. */
  seq: number;
}

/** Fleet's conversation about one campaign: the client says who it is and what it wants, then listens. */
@Injectable()
export class FleetConversations implements BeforeApplicationShutdown {
  private readonly logger = new Logger(FleetConversations.name);
  private readonly open = new Map<Connection, Promise<void>>();

  constructor(
    private readonly campaigns: CampaignStreams,
    private readonly subscriptions: LiveSubscriptions,
    @Inject(LIVE_LIMITS) private readonly limits: LiveLimits,
  ) {}

  /** Talks to this client until one of both ends it; the connection is closed then. */
  begin(connection: Connection): void {
    const conversation = this.serve(connection).finally(() => {
      this.open.delete(connection);
      connection.close('done');
    });
    this.open.set(connection, conversation);
  }

  /** Nobody reads from the database any more when this resolves. */
  async beforeApplicationShutdown(): Promise<void> {
    for (const connection of this.open.keys()) connection.close('shutdown');
    await Promise.all(this.open.values());
  }

  private async serve(connection: Connection): Promise<void> {
    const progress: Progress = { campaignId: 0, seq: 0 };
    try {
      const token = readAuth(await connection.inbox.next(this.limits.silenceMs));
      if (token === null) return;
      await this.stream(connection, token, progress);
    } catch (error) {
      if (connection.ended.aborted) return;
      void connection.send(
        writeMessage('error', JSON.stringify(this.explain(error, progress)), progress.seq),
      );
    }
  }

  /** @throws what is to be told to the client */
  private async stream(connection: Connection, token: string, progress: Progress): Promise<void> {
    const caller = await this.subscriptions.authenticate(token, connection.address);
    const { campaignId, after } = readSelect(await connection.inbox.next(this.limits.silenceMs));
    Object.assign(progress, { campaignId, seq: after });
    const revoked = new AbortController();
    const done = new AbortController();
    const signal = AbortSignal.any([connection.ended, revoked.signal, done.signal]);
    this.subscriptions.whenRevoked(token, connection.address, signal, (error) => revoked.abort(error));
    const send = ({ type, json, seq }: StreamEvent): Promise<void> | undefined => {
      progress.seq = seq;
      return connection.send(writeMessage(type, json, seq));
    };
    try {
      const events = await this.campaigns.open(caller, campaignId, after, signal);
      await this.subscriptions.follow(events, send, signal, () => connection.terminate());
      // It is the client that closes: Fleet's takes a connection that the server ends for a failure, and reads on for ever.
      await aborted(signal);
    } catch (error) {
      revoked.signal.throwIfAborted();
      throw error;
    } finally {
      done.abort();
    }
    revoked.signal.throwIfAborted();
  }

  private explain(error: unknown, { campaignId }: Progress): string {
    const text = errorText(error, campaignId);
    if (text !== null) return text;
    if (isConnectionError(error)) return AWAY;
    this.logger.error(error, { campaign_id: campaignId });
    return INTERNAL;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
