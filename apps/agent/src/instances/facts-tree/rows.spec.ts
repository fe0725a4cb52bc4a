import { TABLES } from '../../tables/registry.js';
import { Tables } from './rows.js';

describe('the rows of a table', () => {
  it('are nobody’s when it is denied, or when nobody can say what is', async () => {
    const table = TABLES.find(({ name }) => name === 'etc_hosts')!;
    let denied: readonly string[] | null = [];
    const tables = new Tables(() => denied);
    expect(tables.here(table).length).toBeGreaterThan(0);
    denied = ['etc_hosts'];
    expect(() => tables.here(table)).toThrow('nobody reads the table etc_hosts');
    denied = null;
    expect(() => tables.here(table)).toThrow('no table is read');
    await expect(tables.rows('select 1')).rejects.toThrow('no table is read');
    tables.close();
  });
});
