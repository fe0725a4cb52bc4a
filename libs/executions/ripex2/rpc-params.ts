import { z } from 'zod';
import { RUN_STATES } from './history/outcomes.js';

/*
 * Params of RipEX2's methods (`reference/sources/ripex2-script-execution-get.md`, and `reference/ripex2.md` for what Muster adds: `host`, `team_id`,
 * `include_all_kinds`). Keys that are not known are passed over.
 */

const MOST_LINES = 1_000;
const MOST_LISTED = 10_000;

const plain = z
  .string()
  .max(255)
  .regex(/^[^\0]*$/, 'must not contain a NUL character');
const name = plain.min(1, 'must not be empty');
const unsigned = z.int().min(0);
const host = name.nullish();
const teamId = z.int().min(0).max(2_147_483_647).nullish();

/** Of a device: none. */
export const OverviewParams = z.object({ host, team_id: teamId });
export type OverviewParams = z.output<typeof OverviewParams>;

export const InstanceParams = z.object({ script_name: name, instance_name: name, host, team_id: teamId });
export type InstanceParams = z.output<typeof InstanceParams>;

export const ExecutionsParams = z.object({
  filter: z
    .object({
      exit_codes: z.array(z.int().min(-2_147_483_648).max(2_147_483_647)).max(MOST_LISTED).nullish(),
      include_outdated: z.boolean().nullish(),
      instances: z
        .array(z.object({ script_name: name, instance_names: z.array(name).max(MOST_LISTED).nullish() }))
        .max(MOST_LISTED)
        .nullish(),
      states: z.array(z.enum(RUN_STATES)).max(MOST_LISTED).nullish(),
    })
    .nullish(),
  pagination: z.object({
    limit: z
      .int()
      .min(-MOST_LINES, `must be between -${MOST_LINES} and ${MOST_LINES}`)
      .max(MOST_LINES, `must be between -${MOST_LINES} and ${MOST_LINES}`)
      .refine((limit) => limit !== 0, 'must not be 0'),
    id_exclusive: unsigned.nullish(),
  }),
  host,
  team_id: teamId,
  /** Runs of every kind, not of script instances alone. */
  include_all_kinds: z.boolean().nullish(),
});
export type ExecutionsParams = z.output<typeof ExecutionsParams>;

export const OutputParams = z.object({
  filter: z.object({ execution_id: unsigned }),
  pagination: z.object({
    limit: z
      .int()
      .min(1, `must be between 1 and ${MOST_LINES}`)
      .max(MOST_LINES, `must be between 1 and ${MOST_LINES}`),
    id_exclusive: unsigned.nullish(),
  }),
  host,
});
export type OutputParams = z.output<typeof OutputParams>;
