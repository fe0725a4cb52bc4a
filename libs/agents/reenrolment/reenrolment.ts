import { decodePublicKey, type EnrollRequest, enrolmentText, verifySignature } from '#libs/protocol/index';
import { type ChallengedHost, type EnrolmentChallenges } from './enrolment-challenges.js';

/** A host whose machine enrolls again. */
export interface KnownHost extends ChallengedHost {
  readonly uuid: string;
  readonly hostname: string;
  readonly agentKey: Buffer | null;
  readonly online: boolean;
  /** Its agent has said hello at least once. */
  readonly heard: boolean;
  /** Since it was last seen; what it says while it is online is of no account. */
  readonly awaySeconds: number;
  /** An operator has said that it may enroll without its key, and that has not expired. */
  readonly allowed: boolean;
}

/** Why a machine was taken for the host that it says it is. */
export type Grounds = 'key' | 'allowed' | 'unheard' | 'away';

/** What becomes of a machine that enrolls again. */
export type Verdict =
  | { readonly kind: 'take'; readonly grounds: Grounds }
  /** It names the host's key, and is to show that it has it. */
  | { readonly kind: 'challenge' }
  /** The reason is for whoever runs the agent: it says what to do. */
  | { readonly kind: 'refuse'; readonly reason: string };

/** What the judgement hangs on beside host and request. */
export interface ReenrolmentRules {
  readonly challenges: EnrolmentChallenges;
  /** Ids of the keys that this server signs with. */
  readonly serverKeys: readonly string[];
  /** Hours that a host has to be away before anybody may take its place. */
  readonly afterHours: number;
  /** Milliseconds. */
  readonly now: number;
}

/**
 * Whoever has an enroll secret and knows a machine's id can say that they are it: what makes them so is the host's key. Without it a host
 * that is there, or was until lately, stays whose it is until somebody who may says otherwise.
 */
export function judgeReenrolment(
  host: KnownHost,
  request: Pick<EnrollRequest, 'agent_key' | 'proof' | 'hardware_uuid' | 'instance'>,
  rules: ReenrolmentRules,
): Verdict {
  const { proof } = request;
  if (host.agentKey !== null && request.agent_key === host.agentKey.toString('base64')) {
    if (!proof || !rules.challenges.isGood(proof.challenge, host, rules.now)) return { kind: 'challenge' };
    if (rules.serverKeys.includes(proof.server_key) && isSigned(request, host.agentKey))
      return { kind: 'take', grounds: 'key' };
  }
  if (host.allowed) return { kind: 'take', grounds: 'allowed' };
  // The answer to its enrolment was lost, or nobody was ever there: there is no place to take.
  if (!host.heard && host.agentKey === null) return { kind: 'take', grounds: 'unheard' };
  if (!host.online && host.awaySeconds >= rules.afterHours * 3600) return { kind: 'take', grounds: 'away' };
  return { kind: 'refuse', reason: refusalOf(host, rules) };
}

function isSigned(
  { proof, hardware_uuid, instance }: Pick<EnrollRequest, 'proof' | 'hardware_uuid' | 'instance'>,
  agentKey: Buffer,
): boolean {
  if (!proof) return false;
  const { challenge, server_key, signature } = proof;
  const text = enrolmentText({ challenge, server_key, hardware_uuid, instance });
  return verifySignature(agentKey, text, Buffer.from(signature, 'base64url'));
}

function refusalOf({ id, online }: KnownHost, { afterHours }: ReenrolmentRules): string {
  const seen = online ? 'is online' : `was online within the last ${afterHours} hours`;
  const later = afterHours === 0 ? 'once it is offline' : `once it has been offline for ${afterHours} hours`;
  return (
    `this machine is host ${id}, which ${seen}, and this agent does not have that host's key. ` +
    `If it was installed anew, or lost its state directory: \`muster hosts reenroll ${id}\` lets it in; ` +
    `${later} it is let in unasked. If it is a copy of another machine, give it a machine id of its own`
  );
}

/** The bytes of a key as requests and hellos name it; null: they name none. */
export function keyBytes(agentKey: string | undefined): Buffer | null {
  return agentKey === undefined ? null : (decodePublicKey(agentKey)?.publicKey ?? null);
}
