import { type InstanceSet } from '#libs/protocol/index';

/** Port: the way of sets of instances to the agents. */
export abstract class InstanceChannel {
  /** @returns true when it is on the agent's disk; otherwise its next hello says what it has */
  abstract send(hostId: number, set: InstanceSet): Promise<boolean>;
}
