import { isForPlatform, osFamily } from './os-family.js';

it.each([
  ['darwin', 'darwin'],
  ['debian', 'linux'],
  ['rhel', 'linux'],
  ['windows', 'windows'],
  ['chrome', 'chrome'],
  ['freebsd', ''],
  ['', ''],
])('%s is of the family %j', (platform, family) => {
  expect(osFamily(platform)).toBe(family);
});

it('decides what is for a host', () => {
  expect(isForPlatform('', 'freebsd')).toBe(true);
  expect(isForPlatform('darwin,linux', 'ubuntu')).toBe(true);
  expect(isForPlatform('darwin,windows', 'ubuntu')).toBe(false);
  expect(isForPlatform('linux', '')).toBe(false);
});
