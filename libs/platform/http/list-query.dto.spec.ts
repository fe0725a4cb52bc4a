import { listOptions } from './list-query.dto.js';

const KEYS = ['id', 'hostname'];

describe('listOptions', () => {
  it('gives everything by default, pages of 20 once a page is asked for', () => {
    expect(listOptions({}, KEYS)).toMatchObject({
      limit: 1_000_000,
      offset: 0,
      orderKey: null,
      descending: false,
      match: '',
    });
    expect(listOptions({ page: '2' }, KEYS)).toMatchObject({ limit: 20, offset: 40 });
    expect(listOptions({ page: '3', per_page: '7' }, KEYS)).toMatchObject({ limit: 7, offset: 21 });
  });

  it.each([
    [{ page: 'x' }, 'non-int page value'],
    [{ page: '-1' }, 'negative page value'],
    [{ per_page: '1.5' }, 'non-int per_page value'],
    [{ per_page: '0' }, 'invalid per_page value'],
    [{ page: '99999999999' }, 'invalid page value'],
    [{ order_direction: 'asc' }, 'order_key must be specified with order_direction'],
    [{ order_key: 'id', order_direction: 'up' }, 'unknown order_direction: up'],
    [{ order_key: 'password' }, 'must be one of id, hostname'],
  ])('%j → %s', (query, message) => {
    expect(() => listOptions(query, KEYS)).toThrow(message);
  });
});
