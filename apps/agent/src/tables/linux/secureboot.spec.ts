import { existsSync } from 'node:fs';
import { openTables } from '../testing.js';
import { valueOf } from './secureboot.js';

it('reads a variable of firmware', () => {
  expect(valueOf(Buffer.from([6, 0, 0, 0, 1]))).toBe(1);
  expect(valueOf(Buffer.from([6, 0, 0, 0, 0]))).toBe(0);
  expect(valueOf(Buffer.alloc(0))).toBeNull();
});

it('is empty where firmware has no such variables', async () => {
  const ask = await openTables();
  const rows = ask('select * from secureboot');
  if (!existsSync('/sys/firmware/efi/efivars')) expect(rows).toEqual([]);
  else expect(rows.length).toBeLessThanOrEqual(1);
});
