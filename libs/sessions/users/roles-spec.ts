import { z } from 'zod';

const RoleSpec = z.object({
  global_role: z.string().nullish(),
  /** Teams by name. */
  teams: z.array(z.object({ team: z.string(), role: z.string() })).nullish(),
});
export type RoleSpec = z.infer<typeof RoleSpec>;

/** Roles of users, by their e-mail addresses. */
export const RolesSpec = z.object({ spec: z.object({ roles: z.record(z.string(), RoleSpec) }) });
