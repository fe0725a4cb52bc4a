import { TARGET_STATES } from '../states.js';
import { targetRow as target } from '../testing/target-row.js';
import { toScriptOutcome } from './script-outcome.js';

describe('toScriptOutcome', () => {
  it.each([
    [{ state: 'queued' }, null, 'Script is running or will run when the host comes online.'],
    [{ state: 'waiting_approval' }, null, 'Script is waiting for approval. It will run once it is approved.'],
    [{ state: 'finished', exit_code: 0 }, 0, ''],
    [{ state: 'finished', exit_code: 3 }, 3, ''],
    [{ state: 'finished', signal: 11 }, 139, ''],
    [
      { state: 'timed_out', signal: 15 },
      -1,
      'Timeout. Fleet stopped the script after 7 seconds to protect host performance.',
    ],
    // The operator of the host allows no more than that.
    [
      { state: 'timed_out', duration_ms: '2004' },
      -1,
      'Timeout. Fleet stopped the script after 2 seconds to protect host performance.',
    ],
    [
      {
        state: 'failed_to_start',
        reason: 'denied',
        message: "denied by the agent's policy: nothing runs as root here",
      },
      -2,
      "The script was denied by the agent's policy: nothing runs as root here.",
    ],
    [{ state: 'killed', stop_by: 'ann@example.com' }, -1, 'The script was stopped by ann@example.com.'],
    [
      { state: 'failed_to_start', reason: 'not_found', message: 'no /bin/zsh' },
      -1,
      'The script did not start: no /bin/zsh',
    ],
    [
      { state: 'failed_to_start', reason: 'scripts_disabled' },
      -2,
      'Scripts are disabled for this host. To run scripts, deploy the fleetd agent with scripts enabled.',
    ],
    [
      { state: 'denied', reason: 'approval_rejected', message: 'rejected by bob@example.com: not now' },
      -2,
      'The script was denied: rejected by bob@example.com: not now',
    ],
    [
      { state: 'expired', message: 'expired before it was approved' },
      -1,
      'The request expired before it was approved; the script did not run.',
    ],
    [{ state: 'expired' }, -1, 'The request expired before the host came online; the script did not run.'],
  ] as const)('%j → %s', (fields, exitCode, message) => {
    expect(toScriptOutcome(target(fields), 7)).toMatchObject({ exitCode, message });
  });

  it('has no result for what was cancelled before it started, and one for every other state', () => {
    for (const state of TARGET_STATES) {
      const outcome = toScriptOutcome(target({ state }), 7);
      if (state === 'cancelled') expect(outcome).toBeNull();
      else expect(outcome).not.toBeNull();
    }
  });
});
