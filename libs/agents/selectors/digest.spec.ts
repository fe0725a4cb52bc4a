import { createHash } from 'node:crypto';
import { digestOfHosts } from './digest.js';

it('names a set of hosts, whatever its order', () => {
  expect(digestOfHosts([10, 9, 1])).toBe(createHash('sha256').update('1,9,10').digest('hex'));
  expect(digestOfHosts([1, 10, 9])).toBe(digestOfHosts([9, 10, 1]));
  expect(digestOfHosts([])).toBe(createHash('sha256').update('').digest('hex'));
  expect(digestOfHosts([1, 11])).not.toBe(digestOfHosts([11]));
});
