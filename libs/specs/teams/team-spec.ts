import { z } from 'zod';
import { name, orElse, text } from '../parse-specs.js';

const SECRETS = z.array(z.object({ secret: text(1024) }));

/**
 * A team as people write it. What is absent stays as it is; what Muster does not know of Fleet's teams is passed over.
 * @param force keep keys that are not known, too
 */
function teamSpec(force: boolean) {
  const shape = {
    name: orElse(name, ''),
    agent_options: z.record(z.string(), z.unknown()).nullish(),
    secrets: SECRETS.nullish(),
    features: z.unknown().optional(),
    host_expiry_settings: z.unknown().optional(),
    mdm: z.unknown().optional(),
    scripts: z.unknown().optional(),
    webhook_settings: z.unknown().optional(),
    integrations: z.unknown().optional(),
    software: z.unknown().optional(),
    gitops_filename: z.unknown().optional(),
  };
  return force ? z.looseObject(shape) : z.strictObject(shape);
}

/** The whole body; entries that are null are passed over. */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- the schema's own type says more
export function teamSpecs(force: boolean) {
  const shape = { specs: z.array(teamSpec(force).nullable()).nullish() };
  return force ? z.looseObject(shape) : z.strictObject(shape);
}

export type TeamSpec = z.output<ReturnType<typeof teamSpec>>;

export class AppliedTeamsDto {
  /** Absent when nothing was applied; in a dry run without those that would be new. */
  team_ids_by_name?: Record<string, number>;
}
