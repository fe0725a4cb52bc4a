import fc from 'fast-check';
import { type ServerSentEvent, SseParser } from './sse-parser.js';

/** The standard, word by word, over the whole text at once. */
function naive(bytes: Uint8Array): ServerSentEvent[] {
  const lines = new TextDecoder().decode(bytes).split(/\r\n|\r|\n/);
  lines.pop();
  const events: ServerSentEvent[] = [];
  let [event, data, lastEventId]: [string, string[], string] = ['', [], ''];
  for (const line of lines) {
    if (line === '') {
      if (data.length > 0) events.push({ event: event || 'message', data: data.join('\n'), lastEventId });
      [event, data] = ['', []];
      continue;
    }
    const [, field, value] = /^([^:]*)(?:: ?)?([^]*)$/.exec(line)!;
    if (field === 'data') data.push(value!);
    if (field === 'event') event = value!;
    if (field === 'id' && !value!.includes('\0')) lastEventId = value!;
  }
  return events;
}

function inPieces(bytes: Uint8Array, cuts: number[]): ServerSentEvent[] {
  const parser = new SseParser();
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return edges.slice(1).flatMap((end, index) => parser.push(bytes.subarray(edges[index], end)));
}

const word = fc.string({
  unit: fc.constantFrom('a', ' ', ':', 'é', '字', '😀', '\0', '\ufeff'),
  maxLength: 6,
});
const part = fc.oneof(
  fc.constantFrom(
    'data: ',
    'data:',
    'data',
    'event: ',
    'event:',
    'id: ',
    'id',
    'retry: 5',
    ':',
    ': ping',
    'nonsense: ',
  ),
  word,
  fc.constantFrom('\n', '\r', '\r\n', '\n\n', '\r\r', '\r\n\r\n'),
);
const text = fc.array(part, { maxLength: 60 }).map((parts) => parts.join(''));

describe('SseParser', () => {
  it('finds what the standard finds, wherever the bytes are cut', () => {
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 30 }), (whole, cuts) => {
        const bytes = new TextEncoder().encode(whole);
        expect(inPieces(bytes, cuts)).toEqual(naive(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it('takes one byte at a time', () => {
    const bytes = new TextEncoder().encode(
      '\ufeffid: 7\r\nevent: chunk\r\ndata: {"a":\r\ndata: "é😀"}\r\n\r\n',
    );
    const cuts = Array.from(bytes.keys());
    expect(inPieces(bytes, cuts)).toEqual([{ event: 'chunk', data: '{"a":\n"é😀"}', lastEventId: '7' }]);
  });

  it('survives bytes that are no UTF-8', () => {
    const bytes = new Uint8Array([...Buffer.from('data: '), 0xff, 0xc3, 10, 10]);
    expect(inPieces(bytes, [7])).toEqual([{ event: 'message', data: '\ufffd\ufffd', lastEventId: '' }]);
  });

  it('drops an event that the end cuts off', () => {
    expect(inPieces(Buffer.from('data: whole\n\ndata: half\n'), [])).toHaveLength(1);
  });

  it('reads a long line in small pieces in reasonable time', () => {
    const parser = new SseParser();
    parser.push(Buffer.from('data: '));
    const piece = Buffer.alloc(64, 'x');
    for (let i = 0; i < 100_000; i++) parser.push(piece);
    const [event] = parser.push(Buffer.from('\n\n'));
    expect(event?.data).toHaveLength(6_400_000);
  });
});
