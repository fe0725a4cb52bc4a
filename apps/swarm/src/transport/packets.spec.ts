import { Decoder, Encoder, type Packet as SocketPacket, PacketType } from 'socket.io-parser';
import { ackPacket, connectPacket, EventReader, eventPacket, readAck, readData } from './packets.js';

/** What socket.io-parser understands of one of our frames. */
function understood(frame: string): SocketPacket | undefined {
  let packet: SocketPacket | undefined;
  const decoder = new Decoder();
  decoder.on('decoded', (decoded: SocketPacket) => (packet = decoded));
  decoder.add(frame.slice(1));
  return packet;
}

/** What socket.io-parser would send. */
function sent(packet: Omit<SocketPacket, 'nsp'>): string {
  return `4${String(new Encoder().encode({ nsp: '/agents', ...packet })[0])}`;
}

describe('packets', () => {
  it('are understood by socket.io-parser', () => {
    expect(understood(connectPacket('{"a":1}'))).toMatchObject({ type: 0, nsp: '/agents', data: { a: 1 } });
    expect(understood(eventPacket('hello', 12, '{"a":[1]}'))).toMatchObject({
      type: 2,
      nsp: '/agents',
      id: 12,
      data: ['hello', { a: [1] }],
    });
    expect(understood(ackPacket(7, '"x"'))).toMatchObject({ type: 3, nsp: '/agents', id: 7, data: ['x'] });
  });

  it('of socket.io-parser are understood', () => {
    const reader = new EventReader();
    const run = sent({ type: PacketType.EVENT, id: 3, data: ['run', { orders: ['[é'] }] });
    expect(reader.read(Buffer.from(run))).toEqual({ name: 'run', id: 3, body: { orders: ['[é'] } });
    expect(readAck(sent({ type: PacketType.ACK, id: 42, data: [{ ok: true }] }))).toEqual({
      id: 42,
      args: '[{"ok":true}]',
    });
    expect(readData(sent({ type: PacketType.CONNECT_ERROR, data: { message: 'unavailable' } }))).toEqual({
      message: 'unavailable',
    });
    expect(readData(sent({ type: PacketType.CONNECT, data: { sid: 'x' } }))).toEqual({ sid: 'x' });
  });

  it('that come again in the same bytes are read once, also when an answer is wanted', () => {
    const reader = new EventReader();
    const query = Buffer.from(sent({ type: PacketType.EVENT, data: ['query', { queries: [] }] }));
    const first = reader.read(query);
    expect(first).toEqual({ name: 'query', id: null, body: { queries: [] } });
    expect(reader.read(Buffer.from(query))).toBe(first);
    const other = Buffer.from(sent({ type: PacketType.EVENT, id: 1, data: ['stop', {}] }));
    const asked = reader.read(other);
    expect(asked).toMatchObject({ name: 'stop', id: 1 });
    expect(reader.read(Buffer.from(other))).toBe(asked);
    expect(reader.read(query)).toEqual(first);
  });

  it.each([
    '42/agents,',
    '42/agents,{}',
    '42/other,["run",{}]',
    '42["run"]',
    '42/agents,1[7]',
    '42/agents,1["run"',
  ])('that make no sense are nothing: %s', (text) =>
    expect(new EventReader().read(Buffer.from(text))).toBeNull(),
  );
});
