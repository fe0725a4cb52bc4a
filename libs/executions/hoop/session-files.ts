import { DomainError } from '#libs/platform/errors/index';
import { type EventType, type SessionEvent } from './session-events.js';

/** How a session's events are written into a file. */
export interface FileForm {
  /** Each event on a line of its own. */
  readonly newline: boolean;
  /** Each event with its time before it. */
  readonly eventTime: boolean;
  readonly events: ReadonlySet<EventType>;
  /** `csv` (tabs become commas), `json`, or anything else for the bytes as they are. */
  readonly extension: string;
}

/** How it is asked for in a query. */
export interface FileQuery {
  readonly newline?: string;
  readonly 'event-time'?: string;
  readonly events?: string;
  readonly extension?: string;
}

const TYPES: readonly string[] = ['i', 'o', 'e'] satisfies EventType[];

/** @throws DomainError invalid */
export function fileForm(query: FileQuery): FileForm {
  const events = (query.events || 'o,e').split(',').map((type) => type.trim());
  if (!events.every((type): type is EventType => TYPES.includes(type)))
    throw invalid('events', 'events must be some of i, o, e, with commas');
  const extension = query.extension || 'txt';
  if (!/^[A-Za-z0-9]{1,16}$/.test(extension))
    throw invalid('extension', 'extension must have 1 to 16 letters and digits');
  return {
    newline: query.newline === '1',
    eventTime: query['event-time'] === '1',
    events: new Set(events),
    extension,
  };
}

/** The bytes of the file, event by event. */
export async function* renderFile(
  events: AsyncIterable<SessionEvent>,
  { newline, eventTime, extension }: FileForm,
): AsyncGenerator<Buffer> {
  if (extension === 'json') {
    yield* renderJson(events);
    return;
  }
  for await (const { at, data } of events) {
    if (eventTime) yield Buffer.from(`${at.toISOString()} `);
    yield extension === 'csv' ? commas(data) : data;
    if (newline) yield Buffer.from('\n');
  }
}

async function* renderJson(events: AsyncIterable<SessionEvent>): AsyncGenerator<Buffer> {
  let before = '[';
  for await (const { time, type, data } of events) {
    yield Buffer.from(before + JSON.stringify({ time, type, stream: data.toString('utf8') }));
    before = ',\n';
  }
  yield Buffer.from(before === '[' ? '[]\n' : ']\n');
}

/** Byte by byte: what stands between the tabs need not be text. */
function commas(data: Buffer): Buffer {
  const changed = Buffer.from(data);
  for (let at = changed.indexOf(0x09); at >= 0; at = changed.indexOf(0x09, at + 1)) changed[at] = 0x2c;
  return changed;
}

function invalid(name: string, reason: string): DomainError {
  return new DomainError('invalid', { name, reason });
}
