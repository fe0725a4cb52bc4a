import { type FactsQueryAck, type TriggerCheck, type TriggerCheckAck } from '#libs/protocol/index';

/** Port: questions to one agent about its tree of facts. */
export abstract class FactsChannel {
  /** null: the host is away, or did not answer. */
  abstract facts(hostId: number, xpath: string | null): Promise<FactsQueryAck | null>;

  /** null: as for `facts`. */
  abstract check(hostId: number, triggers: TriggerCheck): Promise<TriggerCheckAck | null>;
}
