import { StandingOptions } from '#libs/protocol/index';

type Loose = Readonly<Record<string, unknown>>;

/**
 * What a team's `agent_options` say to an agent of this platform. Values that make no sense are passed over: options may have been
 * stored by force.
 */
export function standingOptionsOf(options: Loose, platform: string): StandingOptions {
  const override = objectAt(objectAt(options, 'overrides'), 'platforms')[platform];
  const config = isObject(override) ? override : objectAt(options, 'config');
  const { scripts_enabled, label_interval, policy_interval } = options;
  const { schedule_splay_percent } = objectAt(config, 'options');
  const given = { scripts_enabled, label_interval, policy_interval, schedule_splay_percent };
  const read = Object.entries(given).filter(
    ([key, value]) => value !== undefined && StandingOptions.safeParse({ [key]: value }).success,
  );
  return Object.fromEntries(read);
}

function objectAt(from: Loose, key: string): Loose {
  const value = from[key];
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
