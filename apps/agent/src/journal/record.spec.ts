import fc from 'fast-check';
import { decodeRecord, encodeRecord, hasRecordAfter, scanRecords } from './record.js';

const record = fc.record({ json: fc.jsonValue(), blob: fc.uint8Array({ maxLength: 200 }) });
const written = (records: { json: unknown; blob: Uint8Array }[]) =>
  records.map(({ json, blob }) => encodeRecord(json, Buffer.from(blob)));
const plain = (json: unknown): unknown => JSON.parse(JSON.stringify(json));

describe('records', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(fc.array(record), (records) => {
        const found = [...scanRecords(Buffer.concat(written(records)))];
        expect(found.map(({ json, blob }) => [json, Buffer.from(blob)])).toEqual(
          records.map(({ json, blob }) => [plain(json), Buffer.from(blob)]),
        );
      }),
    );
  });

  it('are recovered exactly up to a tear, at whatever byte it is', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 8 }), fc.nat(), (records, at) => {
        const frames = written(records);
        const bytes = Buffer.concat(frames);
        const cut = at % (bytes.length + 1);
        let whole = 0;
        for (let end = 0; whole < frames.length && end + frames[whole]!.length <= cut; whole += 1)
          end += frames[whole]!.length;
        expect([...scanRecords(bytes.subarray(0, cut))]).toHaveLength(whole);
      }),
    );
  });

  it('are recovered exactly up to a changed byte, wherever it is', () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 8 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (records, at, flip) => {
          const frames = written(records);
          const bytes = Buffer.concat(frames);
          const where = at % bytes.length;
          bytes[where] = bytes[where]! ^ flip;
          let before = 0;
          for (let end = 0; end + frames[before]!.length <= where; before += 1) end += frames[before]!.length;
          expect([...scanRecords(bytes)]).toHaveLength(before);
        },
      ),
    );
  });

  it('are not seen in zeros, which is what a file system leaves of unwritten blocks', () => {
    expect(decodeRecord(Buffer.alloc(4096), 0)).toBeNull();
    const bytes = Buffer.concat([encodeRecord({ a: 1 }), Buffer.alloc(4096)]);
    expect([...scanRecords(bytes)]).toHaveLength(1);
    expect(hasRecordAfter(bytes, 1)).toBe(false);
  });

  it('behind damage are noticed', () => {
    const [first, second] = [encodeRecord({ a: 1 }), encodeRecord({ b: 2 })];
    first[10] = first[10]! ^ 1;
    expect(hasRecordAfter(Buffer.concat([first, second]), 1)).toBe(true);
  });
});
