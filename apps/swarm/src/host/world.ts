import { type Behaviour } from '../config/options.js';
import { type Random } from '../platform/random.js';
import { type TimerWheel } from '../platform/timer-wheel.js';
import { type Statistics } from '../report/statistics.js';
import { type EventReader } from '../transport/packets.js';
import { type Trust } from '../trust/trust.js';
import { type AnswerTexts } from './answer-texts.js';
import { type SimulatedOutput, simulatedOutput } from './output.js';

/** What all hosts of a swarm share. */
export interface World {
  readonly behaviour: Behaviour;
  readonly wheel: TimerWheel;
  readonly random: Random;
  readonly statistics: Statistics;
  readonly reader: EventReader;
  readonly answers: AnswerTexts;
  readonly outputs: Outputs;
  readonly clock: ServerClock;
  readonly trust: Trust;
}

/** The server's clock, by which expiry is judged. */
export class ServerClock {
  private offset = 0;

  /** @param serverTime milliseconds since the epoch */
  set(serverTime: number): void {
    this.offset = serverTime - Date.now();
  }

  now(): number {
    return Date.now() + this.offset;
  }
}

/** The output of runs, made once for each cap that orders name. */
export class Outputs {
  private readonly byCap = new Map<number, SimulatedOutput>();

  constructor(private readonly bytes: number) {}

  of(cap: number): SimulatedOutput {
    let output = this.byCap.get(cap);
    if (output === undefined) {
      output = simulatedOutput(this.bytes, cap);
      this.byCap.set(cap, output);
    }
    return output;
  }
}
