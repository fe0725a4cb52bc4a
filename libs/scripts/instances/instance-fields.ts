import { z } from 'zod';
import { DomainError, type FieldProblem } from '#libs/platform/errors/index';
import { Limits, MissedRuns, type StartTrigger, type StopTrigger } from '#libs/protocol/index';
import { checkCron, checkTriggerXpath } from '#libs/triggers/index';

/** What a name of an instance looks like (`reference/ripex2.md`). */
export const INSTANCE_NAME = /^[-a-zA-Z0-9._]{1,100}$/;
const NAME_RULE = 'must have 1 to 100 characters out of a-z, A-Z, 0-9, dot, dash and underscore';

const MAX_TIMEOUT_SECONDS = 604_800;
const MAX_ARGUMENTS = 1_000;
const MAX_ARGUMENTS_CHARACTERS = 65_536;
const MAX_NAMED = 10_000;

const plain = (max: number): z.ZodString =>
  z
    .string()
    .max(max)
    .regex(/^[^\0]*$/, 'must not contain a NUL character');
const setting = plain(Limits.triggerSetting).min(1, 'must not be empty');
const manual = z.object({ type: z.literal('manual') });
const xpath = z.object({ type: z.literal('xpath'), setting });

const StartTriggerInput = z.discriminatedUnion(
  'type',
  [
    manual,
    xpath,
    z.object({
      type: z.literal('schedule'),
      setting,
      timezone: plain(64).min(1).nullish(),
      missed: MissedRuns.nullish(),
    }),
  ],
  { error: 'must be {type: manual}, or of the type xpath or schedule with a setting' },
);
const StopTriggerInput = z.discriminatedUnion('type', [manual, xpath], {
  error: 'must be {type: manual}, or of the type xpath with a setting',
});

/** What can be said of an instance beside its name, as people write it. */
export const InstanceFields = z.object({
  hosts: z.array(plain(255)).max(MAX_NAMED).nullish(),
  labels: z.array(plain(255)).max(MAX_NAMED).nullish(),
  arguments: z
    .array(plain(MAX_ARGUMENTS_CHARACTERS))
    .max(MAX_ARGUMENTS)
    .refine(
      (all) => all.reduce((sum, { length }) => sum + length, 0) <= MAX_ARGUMENTS_CHARACTERS,
      `must have at most ${MAX_ARGUMENTS_CHARACTERS} characters together`,
    )
    .nullish(),
  start_trigger: StartTriggerInput.nullish(),
  stop_trigger: StopTriggerInput.nullish(),
  enabled: z.boolean().nullish(),
  timeout: z.int().min(1).max(MAX_TIMEOUT_SECONDS).nullish(),
  debounce_ms: z.int().min(0).max(3_600_000).nullish(),
  max_starts_per_minute: z.int().min(1).max(600).nullish(),
});
export type InstanceFields = z.output<typeof InstanceFields>;

/** Two triggers, as somebody thinks of them. */
export const TriggerPair = z.object({
  start_trigger: StartTriggerInput.nullish(),
  stop_trigger: StopTriggerInput.nullish(),
});
export type TriggerPair = z.output<typeof TriggerPair>;

/** An instance as it is stored, but for whom it is for. */
export interface InstanceSettings {
  readonly arguments: readonly string[];
  readonly startTrigger: StartTrigger;
  readonly stopTrigger: StopTrigger;
  readonly enabled: boolean;
  /** Seconds; null: the setting. */
  readonly timeoutSeconds: number | null;
  /** null: the agent's own. */
  readonly debounceMs: number | null;
  readonly maxStartsPerMinute: number | null;
}

/** @throws DomainError malformed */
export function checkInstanceName(name: string, field = 'name'): void {
  if (!INSTANCE_NAME.test(name)) throw new DomainError('malformed', { name: field, reason: NAME_RULE });
}

/**
 * What is absent has its default: manual, enabled, no arguments.
 * @param prefix before the names of fields in errors
 * @throws DomainError malformed: an expression that does not parse (with its position), a cron line that never fires, hosts and
 * labels both or neither
 */
export function settingsOf(fields: InstanceFields, prefix = ''): InstanceSettings {
  if (fields.hosts && fields.labels)
    throw new DomainError('malformed', {
      name: `${prefix}hosts`,
      reason: 'only one of hosts and labels can be given',
    });
  if (!fields.hosts && !fields.labels)
    throw new DomainError('malformed', {
      name: `${prefix}hosts`,
      reason: 'hosts or labels is required: which hosts is it for?',
    });
  const { startTrigger, stopTrigger } = triggersOf(fields, prefix);
  return {
    arguments: fields.arguments ?? [],
    startTrigger: startTrigger ?? { type: 'manual' },
    stopTrigger: stopTrigger ?? { type: 'manual' },
    enabled: fields.enabled ?? true,
    timeoutSeconds: fields.timeout ?? null,
    debounceMs: fields.debounce_ms ?? null,
    maxStartsPerMinute: fields.max_starts_per_minute ?? null,
  };
}

/** @throws DomainError malformed */
export function triggersOf(
  { start_trigger, stop_trigger }: TriggerPair,
  prefix = '',
): { startTrigger: StartTrigger | null; stopTrigger: StopTrigger | null } {
  const problems = [
    ...(start_trigger ? problemsOf(start_trigger, `${prefix}start_trigger`) : []),
    ...(stop_trigger ? problemsOf(stop_trigger, `${prefix}stop_trigger`) : []),
  ];
  if (problems.length > 0) throw new DomainError('malformed', problems);
  return {
    startTrigger: start_trigger ? withoutNulls(start_trigger) : null,
    stopTrigger: stop_trigger ?? null,
  };
}

function problemsOf(trigger: NonNullable<TriggerPair['start_trigger']>, field: string): FieldProblem[] {
  const name = `${field}.setting`;
  if (trigger.type === 'xpath') {
    const problem = checkTriggerXpath(trigger.setting);
    return problem ? [{ name, reason: `${problem.error} (at position ${problem.position})` }] : [];
  }
  if (trigger.type === 'schedule') {
    const reason = checkCron(trigger.setting, trigger.timezone ?? undefined);
    if (reason === null) return [];
    const ofZone = trigger.timezone && checkCron(trigger.setting) === null;
    return [{ name: ofZone ? `${field}.timezone` : name, reason }];
  }
  return [];
}

function withoutNulls(trigger: NonNullable<TriggerPair['start_trigger']>): StartTrigger {
  if (trigger.type !== 'schedule') return trigger;
  const { type, setting: line, timezone, missed } = trigger;
  return { type, setting: line, ...(timezone && { timezone }), ...(missed && { missed }) };
}
