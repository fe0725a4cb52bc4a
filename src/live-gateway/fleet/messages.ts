import { z } from 'zod';
import { DomainError } from '#libs/platform/errors/index';
import { isRefusal, UNAUTHORIZED } from '../live-subscriptions.js';

const Message = z.object({ type: z.string(), data: z.unknown() });
const Auth = z.object({ token: z.string().default('') });
const number = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const Select = z.object({ campaign_id: number.default(0), after: number.default(0) });

/** What a client wants to follow. */
export interface Selection {
  readonly campaignId: number;
  /** `seq` of the last event that it has; 0: none. */
  readonly after: number;
}

/** A message that makes no sense; `message` is Fleet's text for the client. */
export class MessageError extends Error {
  override readonly name = 'MessageError';
}

/** The token of the first message, perhaps empty; null when it is no such message. */
export function readAuth(text: string | null): string | null {
  const message = read(text);
  if (message?.type !== 'auth') return null;
  return Auth.safeParse(message.data).data?.token ?? null;
}

/** @throws MessageError */
export function readSelect(text: string | null): Selection {
  const message = read(text);
  if (!message) throw new MessageError('error reading select_campaign');
  if (message.type !== 'select_campaign') throw new MessageError('expected select_campaign');
  const select = Select.safeParse(message.data);
  if (!select.success) throw new MessageError('error unmarshaling select_campaign data');
  const { campaign_id: campaignId, after } = select.data;
  if (campaignId === 0) throw new MessageError('0 is not a valid campaign ID');
  return { campaignId, after };
}

/** One message to a client. `seq` is ours: clients of Fleet's do not look at it. */
export function writeMessage(type: string, json: string, seq: number): string {
  return `{"type":"${type}","data":${json},"seq":${seq}}`;
}

/** Fleet's text for what went wrong; null for what only the log may know. */
export function errorText(error: unknown, campaignId: number): string | null {
  if (error instanceof MessageError) return error.message;
  if (isRefusal(error)) return UNAUTHORIZED;
  if (!(error instanceof DomainError)) return null;
  if (error.code === 'forbidden') return 'forbidden';
  if (error.code === 'not_found') return `timeout: cannot find campaign for ID ${campaignId}`;
  return `error getting campaign reader: ${error.message}`;
}

function read(text: string | null): z.infer<typeof Message> | null {
  if (text === null) return null;
  try {
    return Message.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
