import { type DomainError } from '#libs/platform/errors/index';
import { checkAgentOptions } from './agent-options.js';

const complaints = (options: Record<string, unknown>, force = false): string[] => {
  try {
    checkAgentOptions(options, force);
    return [];
  } catch (error) {
    return (error as DomainError).problems.map(({ name }) => name);
  }
};

describe('checkAgentOptions', () => {
  it.each<[Record<string, unknown>, string[]]>([
    [{}, []],
    [{ config: { options: { anything: [1] } }, overrides: null, script_execution_timeout: 900 }, []],
    [{ scripts_enabled: false, label_interval: 1, policy_interval: 604_800 }, []],
    [{ scripts_enabled: 'no', label_interval: 0 }, ['label_interval', 'scripts_enabled']],
    [{ spec: {} }, ['spec']],
    [{ script_execution_timeout: 0 }, ['script_execution_timeout']],
    [{ script_execution_timeout: 1.5 }, ['script_execution_timeout']],
    [{ script_execution_timeout: '900' }, ['script_execution_timeout']],
    [{ script_execution_timeout: 604_801, colour: 1 }, ['colour', 'script_execution_timeout']],
  ])('%j: %j', (options, expected) => {
    expect(complaints(options)).toEqual(expected);
  });

  it('lets unknown keys pass by force, not bad values', () => {
    expect(complaints({ spec: {}, script_execution_timeout: 0 }, true)).toEqual(['script_execution_timeout']);
  });
});
