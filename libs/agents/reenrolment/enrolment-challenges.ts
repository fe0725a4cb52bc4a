import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** How long an agent may take to sign, milliseconds. */
const LIVES_MS = 60_000;

/** The host that is to be proven, as it is now. */
export interface ChallengedHost {
  readonly id: number;
  /** Once it has enrolled again this is another one: no challenge serves twice. */
  readonly nodeKeyHash: Buffer;
}

/** What agents have to sign, of which nothing has to be kept: it names its end, and only this process can have made it. */
export class EnrolmentChallenges {
  private readonly key = randomBytes(32);

  /** @param now milliseconds */
  issue(host: ChallengedHost, now: number): string {
    const until = String(now + LIVES_MS);
    return `${until}.${this.mac(host, until).toString('base64url')}`;
  }

  /** Whether it was issued for this host as it is now, and has not expired. */
  isGood(challenge: string, host: ChallengedHost, now: number): boolean {
    const [until = '', mac = ''] = challenge.split('.');
    const given = Buffer.from(mac, 'base64url');
    const due = this.mac(host, until);
    return given.length === due.length && timingSafeEqual(given, due) && now <= Number(until);
  }

  private mac({ id, nodeKeyHash }: ChallengedHost, until: string): Buffer {
    return createHmac('sha256', this.key)
      .update(`${id}\n${nodeKeyHash.toString('hex')}\n${until}`)
      .digest();
  }
}
