import { type AgentPolicy } from '../policy/agent-policy.js';
import { matchesName } from '../policy/patterns.js';
import { type PolicyGuard } from '../policy/policy-guard.js';
import { publicKeyOf } from '../policy/signer-key.js';
import { type SignatureRules } from './statements.js';

/** Where nobody can say what the policy is: no signature is enough. */
const NOBODY: SignatureRules = {
  signers: [],
  required: 1,
  queries: true,
  unsignedInstances: false,
  mayAdd: () => false,
};

const known = new WeakMap<AgentPolicy, SignatureRules | null>();

/** What a host's policy, as it is at that moment, says about signatures; null: nothing. */
export function signatureRules(guard: Pick<PolicyGuard, 'current'>): SignatureRules | null {
  let policy: AgentPolicy | null;
  try {
    policy = guard.current();
  } catch {
    return NOBODY;
  }
  if (policy === null) return null;
  let rules = known.get(policy);
  if (rules === undefined) known.set(policy, (rules = rulesOf(policy)));
  return rules;
}

function rulesOf({ signatures }: AgentPolicy): SignatureRules | null {
  if (signatures === undefined) return null;
  const {
    signers,
    required,
    root_shell: rootShell,
    queries,
    unsigned = [],
    extra_env: extra = [],
  } = signatures;
  return {
    signers: signers.flatMap(({ name, key }) => {
      const bytes = publicKeyOf(key);
      return bytes === null ? [] : [{ name, key: bytes }];
    }),
    required,
    rootShell,
    queries,
    unsignedInstances: unsigned.includes('instances'),
    mayAdd: (variable) => extra.some((pattern) => matchesName(pattern, variable)),
  };
}
