import { timeOrderedUuid } from './time-ordered-uuid.js';

describe('timeOrderedUuid', () => {
  it('begins with its time, and is a uuid of version 7', () => {
    const uuid = timeOrderedUuid(Date.parse('2026-11-28T12:00:00Z'));
    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Number.parseInt(uuid.replaceAll('-', '').slice(0, 12), 16)).toBe(
      Date.parse('2026-11-28T12:00:00Z'),
    );
    expect(timeOrderedUuid(0).startsWith('00000000-0000-7')).toBe(true);
  });

  it('is another one each time, and greater than those of the milliseconds before', () => {
    const uuids = Array.from({ length: 1000 }, (_, i) => timeOrderedUuid(1_790_000_000_000 + i));
    expect([...uuids].sort()).toEqual(uuids);
    expect(new Set(Array.from({ length: 1000 }, () => timeOrderedUuid(0))).size).toBe(1000);
  });
});
