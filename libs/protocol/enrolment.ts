import { z } from 'zod';
import { canonicalJson } from './canonical-json.js';
import { KeyId, ServerKey } from './server-key.js';

/** The public key of an agent: Ed25519, its raw 32 bytes as base64. */
export const AgentKey = z
  .string()
  .regex(/^[A-Za-z0-9+/]{43}=$/, 'must be an Ed25519 public key: its 32 bytes in base64');
export type AgentKey = z.infer<typeof AgentKey>;

/** What the server wants signed before it takes a machine for a host that it knows: asked for again with the proof, within a minute. */
export const EnrollChallenge = z.object({
  challenge: z.string().min(1).max(256),
  /** Whose challenge it is: those that sign what this server says. */
  server_keys: z.array(ServerKey).min(1).max(8),
});
export type EnrollChallenge = z.infer<typeof EnrollChallenge>;

/** That whoever enrolls has the private half of `agent_key`. */
export const EnrolmentProof = z.object({
  /** The server's, as it came. */
  challenge: z.string().min(1).max(256),
  /** Id of the server's key that the agent takes this server to be: what is signed for one server is nothing to another. */
  server_key: KeyId,
  /** Of `enrolmentText`, base64url. */
  signature: z.string().max(128),
});
export type EnrolmentProof = z.infer<typeof EnrolmentProof>;

/** What an agent signs to be taken for the host that it was. */
export interface EnrolmentClaim {
  readonly challenge: string;
  readonly server_key: string;
  readonly hardware_uuid: string;
  readonly instance: string;
}

/** The bytes that are signed. */
export function enrolmentText({ challenge, server_key, hardware_uuid, instance }: EnrolmentClaim): Buffer {
  return Buffer.from(
    `muster-enroll-v1\n${canonicalJson({ challenge, server_key, hardware_uuid, instance })}`,
  );
}
