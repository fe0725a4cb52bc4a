import { z } from 'zod';

const text = (max: number): z.ZodString =>
  z
    .string()
    .max(max)
    .regex(/^[^\0]*$/, 'must not contain a NUL character');

/** What of the organization settings can be changed; strict, as Fleet is here: a misspelt key would change nothing. */
export const ConfigPatch = z.strictObject({
  org_info: z
    .strictObject({ org_name: text(255).optional(), org_logo_url: text(2048).optional() })
    .optional(),
  server_settings: z
    .strictObject({
      server_url: text(2048).optional(),
      scripts_disabled: z.boolean().optional(),
      live_query_disabled: z.boolean().optional(),
    })
    .optional(),
});
export type ConfigPatch = z.infer<typeof ConfigPatch>;
