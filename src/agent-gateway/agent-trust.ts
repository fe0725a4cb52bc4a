import { Injectable } from '@nestjs/common';
import { type Envelope, type Hello, type HelloAck, Refused, TimeQuestion } from '#libs/protocol/index';
import { type AgentSocket } from './agent-connections.js';
import { AgentHandshake } from './agent-handshake.js';
import { Envelopes } from './envelopes.js';
import { RefusalRecord, type TrustedHost } from './refusal-record.js';

/** How server and agents come to trust each other's words. */
@Injectable()
export class AgentTrust {
  constructor(
    private readonly handshake: AgentHandshake,
    private readonly envelopes: Envelopes,
    private readonly record: RefusalRecord,
  ) {}

  /** @throws Error whose message is a `HandshakeRefusal` */
  authenticate(socket: AgentSocket): Promise<void> {
    return this.handshake.authenticate(socket);
  }

  /** The answer to a hello as its agent wants it: signed, unless it knows nothing of signatures. */
  greeting(ack: HelloAck & { ok: true }, hello: Hello): HelloAck | Envelope {
    return hello.envelopes === undefined ? ack : this.envelopes.greeting(ack, hello);
  }

  /** @throws ZodError for a message that makes no sense */
  time(hostUuid: string, body: unknown): Envelope {
    return this.envelopes.time(hostUuid, TimeQuestion.parse(body).challenge);
  }

  /**
   * An agent refused something: into the record with it, which is where people look.
   * @throws ZodError for a message that makes no sense
   */
  async refused(host: TrustedHost, body: unknown): Promise<void> {
    await this.record.add(host, Refused.parse(body).refusals);
  }
}
