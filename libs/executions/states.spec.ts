import {
  FINAL_STATES,
  IN_FLIGHT_STATES,
  isFinal,
  TARGET_STATES,
  TRANSITIONS,
  UNSENT_STATES,
} from './states.js';

describe('target states', () => {
  it('are each unsent, in flight, or final', () => {
    expect([...UNSENT_STATES, ...IN_FLIGHT_STATES, ...FINAL_STATES].sort()).toEqual(
      [...TARGET_STATES].sort(),
    );
  });

  it('have no way out of a final one, and one into a final one from everywhere else', () => {
    for (const state of TARGET_STATES) {
      if (isFinal(state)) expect(TRANSITIONS[state]).toEqual([]);
      else expect(TRANSITIONS[state].some(isFinal)).toBe(true);
    }
  });

  it('can all be reached', () => {
    const reached = new Set<string>(['waiting_approval']);
    for (const state of reached)
      for (const next of TRANSITIONS[state as keyof typeof TRANSITIONS]) reached.add(next);
    expect([...reached].sort()).toEqual([...TARGET_STATES].sort());
  });

  it('never go back from in flight to the queue', () => {
    for (const state of IN_FLIGHT_STATES) {
      for (const unsent of UNSENT_STATES) expect(TRANSITIONS[state]).not.toContain(unsent);
    }
  });
});
