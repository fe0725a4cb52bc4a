import * as os from 'node:os';
import { HostFacts } from '#libs/protocol/index';
import { fullFacts, worthTelling } from './full-facts.js';
import { quickFacts } from './quick-facts.js';

describe('facts', () => {
  it('are what the contract takes, and true', async () => {
    const facts = await fullFacts();
    expect(HostFacts.parse(facts)).toEqual(facts);
    expect(facts.hostname).toBe(os.hostname());
    expect(facts.memory).toBe(os.totalmem());
    expect(facts.cpu_logical_cores).toBeGreaterThan(0);
    expect(facts.disk_total_bytes).toBeGreaterThan(facts.disk_available_bytes);
    expect(quickFacts().platform).toBe(facts.platform);
  });

  it('are told again when they changed, not when time passed', () => {
    const facts = { ...quickFacts(), disk_total_bytes: 1000, disk_available_bytes: 500 };
    expect(
      worthTelling(facts, { ...facts, uptime_seconds: facts.uptime_seconds + 60, disk_available_bytes: 495 }),
    ).toBe(false);
    expect(worthTelling(facts, { ...facts, uptime_seconds: 0 })).toBe(true);
    expect(worthTelling(facts, { ...facts, disk_available_bytes: 400 })).toBe(true);
    expect(worthTelling(facts, { ...facts, hostname: 'renamed' })).toBe(true);
  });
});
