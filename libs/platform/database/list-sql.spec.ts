import { type ListOptions } from '../http/list-query.dto.js';
import { listSql } from './list-sql.js';

const SOURCE = {
  select: 'SELECT * FROM things WHERE kind = $1',
  values: ['x'],
  columns: { id: 'id', label: 'name' },
  search: ['name', 'text'],
};
const ALL: ListOptions = {
  limit: 20,
  offset: 40,
  page: 2,
  orderKey: null,
  descending: false,
  after: null,
  match: '',
};

const sql = (options: Partial<ListOptions>) => {
  const { text, values } = listSql(SOURCE, { ...ALL, ...options });
  return { text: text.replace(/\s+/g, ' '), values };
};

describe('listSql', () => {
  it('takes one page by id when nothing else is asked for', () => {
    expect(sql({})).toEqual({
      text: 'SELECT * FROM (SELECT * FROM things WHERE kind = $1) l WHERE true ORDER BY l.id ASC, l.id ASC LIMIT $2 OFFSET $3',
      values: ['x', 20, 40],
    });
  });

  it('sorts by the column behind the key, and goes on after a value of it', () => {
    const { text, values } = sql({ orderKey: 'label', descending: true, after: 'm' });
    expect(text).toContain('WHERE true AND l.name < $2 ORDER BY l.name DESC, l.id DESC');
    expect(values).toEqual(['x', 'm', 20, 40]);
  });

  it('looks for text as it stands', () => {
    const { text, values } = sql({ match: '50%_\\' });
    expect(text).toContain('(l.name ILIKE $2 OR l.text ILIKE $2)');
    expect(values[1]).toBe('%50\\%\\_\\\\%');
  });
});
