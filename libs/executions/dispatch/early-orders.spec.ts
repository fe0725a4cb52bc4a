import { setImmediate } from 'node:timers/promises';
import { type AgentDispatcher } from './agent-dispatcher.js';
import { EarlyOrders, HOSTS_PER_ORDER } from './early-orders.js';
import { type OrderSources } from './order-sources.js';
import { type OrderRow } from './orders.js';

const rows = Array.from({ length: 3 * HOSTS_PER_ORDER }, (_, i) => rowOf(i + 1));
const hostsOf = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);
let written: number[][];

beforeEach(() => {
  written = [];
});

describe('early orders', () => {
  it('leave where all their hosts are free; the others are written in their time', async () => {
    const early = await whole(rows);
    expect(written).toEqual([hostsOf(1, 16), hostsOf(17, 32), hostsOf(33, 48)]);
    const { ready, rest } = early.among(rows.filter(({ host_id }) => host_id !== 20));
    expect(ready.map(({ hosts }) => hosts.map(({ hostId }) => hostId))).toEqual([
      hostsOf(1, 16),
      hostsOf(33, 48),
    ]);
    expect(rest.map(({ host_id }) => host_id)).toEqual([...hostsOf(17, 19), ...hostsOf(21, 32)]);
  });

  it('are none for hosts that are not connected here, and none once the ledger has spoken', async () => {
    const early = await whole(rows, (hostId) => hostId > 40);
    expect(written).toEqual([hostsOf(41, 48)]);
    const { ready, rest } = early.among(rows);
    expect([ready.length, rest.length]).toEqual([1, 40]);

    written = [];
    const begun = earlyOrders(rows);
    expect(begun.among(rows)).toEqual({ ready: [], rest: rows });
    await setImmediate();
    await setImmediate();
    expect(written.length).toBeLessThan(2);
  });

  it('of another attempt than the one that was claimed do not leave', async () => {
    const early = await whole(rows.map((row) => ({ ...row, attempt_id: `another-${row.host_id}` })));
    expect(early.among(rows)).toEqual({ ready: [], rest: rows });
  });
});

function earlyOrders(some: readonly OrderRow[], isConnected = (_: number): boolean => true): EarlyOrders {
  const agents = {
    isConnected,
    share: (order, hosts) => {
      written.push(hosts.map(({ hostId }) => hostId));
      return { order, hosts, sealedFor: [], sealed: null };
    },
  } satisfies Pick<AgentDispatcher, 'isConnected' | 'share'>;
  const sources = {
    contents: { get: async () => Buffer.from('["true"]') },
    statements: { forOrders: async () => null },
  };
  return new EarlyOrders(agents as unknown as AgentDispatcher, sources as unknown as OrderSources, some);
}

/** With everything written that is to be. */
async function whole(
  some: readonly OrderRow[],
  isConnected?: (hostId: number) => boolean,
): Promise<EarlyOrders> {
  const early = earlyOrders(some, isConnected);
  for (let before = -1; before !== written.length || before === 0;) {
    before = written.length;
    await setImmediate();
  }
  return early;
}

function rowOf(hostId: number): OrderRow {
  return {
    uuid: `target-${hostId}`,
    attempt_id: `attempt-${hostId}`,
    host_id: hostId,
    lane: 'parallel',
    expires_at: null,
    execution_id: '',
    execution_uuid: 'execution',
    kind: 'command',
    content_sha256: Buffer.alloc(32),
    stdin_sha256: null,
    options: {},
    timeout_seconds: 30,
    grace_seconds: 10,
    output_cap_bytes: '1024',
    requested_by_email: '',
    approved_by: null,
  };
}
