import { Injectable } from '@nestjs/common';
import {
  type Envelope,
  type EnvelopeSigner,
  HELLO_ANSWER,
  type Hello,
  type HelloAck,
  liftParts,
  seal,
  type Sealable,
  sealable,
  serverKeyOf,
  TIME_ANSWER,
  type TimeAnswer,
} from '#libs/protocol/index';
import { type SigningKey, SigningKeys } from '#libs/platform/signing/index';

/** Signs what leaves for the agents. */
@Injectable()
export class Envelopes {
  constructor(private readonly keys: SigningKeys) {}

  /** A message whose canonical form is made once, for however many envelopes. */
  ready(event: string, message: unknown): Sealable {
    return sealable(event, liftParts(event, message));
  }

  /** One envelope for these hosts. */
  seal(message: Sealable, hosts: readonly string[]): Envelope {
    return seal(message, hosts, signerOf(this.keys.current));
  }

  /**
   * The answer to a hello, with the server's keys. Whoever trusts only the key of before gets it signed with that: its word for the new one.
   */
  greeting(ack: HelloAck & { ok: true }, { challenge, server_keys }: Hello): Envelope {
    const message = {
      ...ack,
      ...(challenge !== undefined && { challenge }),
      server_keys: this.keys.publicKeys().map(serverKeyOf),
    };
    const ready = sealable(HELLO_ANSWER, { message, parts: {} });
    return seal(ready, [ack.host_uuid], signerOf(this.keyFor(server_keys ?? [])));
  }

  /** What time it is. */
  time(hostUuid: string, challenge: string): Envelope {
    const message: TimeAnswer = { challenge, server_time: Date.now() };
    return this.seal(sealable(TIME_ANSWER, { message, parts: {} }), [hostUuid]);
  }

  private keyFor(trusted: readonly string[]): SigningKey {
    const { current, previous } = this.keys;
    return previous !== null && !trusted.includes(current.id) && trusted.includes(previous.id)
      ? previous
      : current;
  }
}

function signerOf(key: SigningKey): EnvelopeSigner {
  return { keyId: key.id, sign: (bytes) => key.sign(bytes) };
}
