/** One event of a `text/event-stream`. */
export interface ServerSentEvent {
  /** `message` where the server names none. */
  event: string;
  data: string;
  /** The last id seen on this stream, to resume with; empty before the first. */
  lastEventId: string;
}

/**
 * Bytes in, events out, wherever the network cut them: within a character, within a line end, within a field.
 * The rules are the HTML standard's ("Interpreting an event stream"); an event that the stream's end cut off is dropped.
 */
export class SseParser {
  private readonly decoder = new TextDecoder('utf-8');
  private partialLine = '';
  /** The last piece ended in CR: an LF at the start of the next belongs to it. */
  private afterCr = false;
  private event = '';
  private data: string[] = [];
  private id = '';

  push(bytes: Uint8Array): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    const text = this.decoder.decode(bytes, { stream: true });
    if (text === '') return events;

    const lineEnd = /\r\n|\r|\n/g;
    let start = this.afterCr && text.startsWith('\n') ? 1 : 0;
    lineEnd.lastIndex = start;
    for (let end = lineEnd.exec(text); end; end = lineEnd.exec(text)) {
      const line = this.partialLine + text.slice(start, end.index);
      this.partialLine = '';
      start = lineEnd.lastIndex;
      const complete = this.line(line);
      if (complete) events.push(complete);
    }
    this.partialLine += text.slice(start);
    this.afterCr = text.endsWith('\r');
    return events;
  }

  private line(line: string): ServerSentEvent | undefined {
    if (line === '') return this.dispatch();
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    let value = colon === -1 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (field === 'data') this.data.push(value);
    else if (field === 'event') this.event = value;
    else if (field === 'id' && !value.includes('\0')) this.id = value;
    // Anything else, `retry` and comments among it, means nothing here.
    return undefined;
  }

  private dispatch(): ServerSentEvent | undefined {
    const { event, data } = this;
    this.event = '';
    this.data = [];
    if (data.length === 0) return undefined;
    return { event: event || 'message', data: data.join('\n'), lastEventId: this.id };
  }
}
