import { type LiveEvent } from '../api/campaign-shapes.js';
import { type MusterApi } from '../api/muster-api.js';
import { CliError } from '../errors.js';
import { Contact, type ContactOptions, isPassing } from '../http/contact.js';

export interface FollowCampaignOptions extends ContactOptions {
  /** As of socketMessages. */
  readonly idleMs?: number;
}

/** Errors of the stream that another try will not mend; all others pass. */
const LASTING =
  /^(unauthorized$|forbidden$|timeout: cannot find campaign|expected |error unmarshaling|\d+ is not)/;

/**
 * What happens to a live query, each result once and in order, whatever happens to the connection; ends when the query is
 * over and everything is told, or when the signal aborts.
 */
export async function* followCampaign(
  api: MusterApi,
  campaignId: number,
  options: FollowCampaignOptions = {},
): AsyncGenerator<Exclude<LiveEvent, { type: 'error' }>, void> {
  const { signal, idleMs } = options;
  const contact = new Contact(options, `lost contact with ${api.url}; rows are missing`);
  const connection = { signal, idleMs, onOpen: () => contact.made() };
  let after = 0;

  while (!signal?.aborted) {
    let finished = false;
    try {
      for await (const event of api.liveEvents(campaignId, after, connection)) {
        if (signal?.aborted) return;
        if (event.type === 'error') {
          if (LASTING.test(event.text)) throw new CliError(`${api.url} ended the results: ${event.text}`);
          finished = false;
          break;
        }
        contact.heard();
        if (event.type === 'status') finished = event.finished;
        // A number that was there already: what is told again is not for the reader.
        if (event.type === 'result' && event.seq <= after) continue;
        yield event;
        if (event.type === 'result') after = event.seq;
      }
      // Said by a server that then hangs up in order: that was all.
      if (finished) return;
    } catch (error) {
      if (signal?.aborted) return;
      if (!isPassing(error)) throw error;
    }
    await contact.lost();
  }
}
