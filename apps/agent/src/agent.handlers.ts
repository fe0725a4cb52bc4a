import { Controller, Inject } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { z } from 'zod';
import {
  FactsQuery,
  type FactsQueryAck,
  InstanceSet,
  type InstanceSetAck,
  Order,
  QueryEnd,
  QueryOrder,
  ReasonCode,
  Run,
  type RunAck,
  ServerEvent,
  StandingBlock,
  Stop,
  type StopAck,
  TriggerCheck,
  type TriggerCheckAck,
} from '#libs/protocol/index';
import { AttemptsService } from './attempts/attempts.service.js';
import { InstancesService } from './instances/instances.service.js';
import { QueriesService } from './queries/queries.service.js';
import { StandingService } from './standing/standing.service.js';

const LooseRun = z.object({ orders: z.array(z.looseObject({ attempt_id: z.uuid() })) });
const LooseStanding = z.object({ remove: z.array(z.string()), blocks: z.array(z.unknown()) });
const LooseQuery = z.object({
  queries: z.array(z.looseObject({ campaign_id: z.number().int().positive() })),
});

/**
 * What the server may ask of an agent. The return value is the acknowledgement; queries and standing work have none.
 *
 * Not named `*.controller.ts`: the OpenAPI plugin of the build would add an import of @nestjs/swagger to it, which
 * costs an agent 8 MB and a third of a second at start.
 */
@Controller()
export class AgentHandlers {
  constructor(
    @Inject(AttemptsService) private readonly attempts: AttemptsService,
    @Inject(QueriesService) private readonly queries: QueriesService,
    @Inject(StandingService) private readonly standing: StandingService,
    @Inject(InstancesService) private readonly instances: InstancesService,
  ) {}

  /** Takes orders: each is in the journal, synced, or refused for good, before this answers. */
  @MessagePattern(ServerEvent.run)
  async run(@Payload() data: unknown): Promise<RunAck> {
    const parsed = Run.safeParse(data);
    if (parsed.success) return { answers: await this.attempts.run(parsed.data.orders) };
    // One order that makes no sense must not cost the others of its message an answer.
    const { orders } = LooseRun.parse(data);
    const each = orders.map((order) => ({ id: order.attempt_id, order: Order.safeParse(order) }));
    const good = each.flatMap(({ order }) => (order.success ? [order.data] : []));
    const answers = await this.attempts.run(good);
    const bad = each.filter(({ order }) => !order.success);
    await this.attempts.refuseUnreadable(bad.map(({ id }) => id));
    const refusal = {
      accepted: false,
      reason: ReasonCode.startFailed,
      message: 'the agent cannot read this order',
    } as const;
    return { answers: [...answers, ...bad.map(({ id }) => ({ attempt_id: id, ...refusal }))] };
  }

  /** Ends attempts, or sees to it that they never start. */
  @MessagePattern(ServerEvent.stop)
  async stop(@Payload() data: unknown): Promise<StopAck> {
    return { answers: await this.attempts.stop(Stop.parse(data).attempts) };
  }

  /** Begins to answer live queries; one that makes no sense must not cost the others an answer. */
  @MessagePattern(ServerEvent.query)
  query(@Payload() data: unknown): void {
    const { queries } = LooseQuery.parse(data);
    const each = queries.map((query) => ({ id: query.campaign_id, query: QueryOrder.safeParse(query) }));
    this.queries.start(each.flatMap(({ query }) => (query.success ? [query.data] : [])));
    this.queries.refuseUnreadable(each.filter(({ query }) => !query.success).map(({ id }) => id));
  }

  /** Takes standing work; a block of a kind that this agent does not know is left out, and asked for again with each hello. */
  @MessagePattern(ServerEvent.standing)
  takeStanding(@Payload() data: unknown): void {
    const { remove, blocks } = LooseStanding.parse(data);
    const read = blocks.map((block) => StandingBlock.safeParse(block));
    this.standing.apply({ remove, blocks: read.flatMap(({ data: block }) => (block ? [block] : [])) });
  }

  /** Takes the whole set of script instances; it is on the disk when this answers. */
  @MessagePattern(ServerEvent.instances)
  async takeInstances(@Payload() data: unknown): Promise<InstanceSetAck> {
    await this.instances.apply(InstanceSet.parse(data));
    return { ok: true };
  }

  /** Answers a question about the tree of facts. */
  @MessagePattern(ServerEvent.factsQuery)
  factsQuery(@Payload() data: unknown): Promise<FactsQueryAck> {
    return this.instances.ask(FactsQuery.parse(data).xpath);
  }

  /** Says what triggers would do now. */
  @MessagePattern(ServerEvent.triggerCheck)
  triggerCheck(@Payload() data: unknown): Promise<TriggerCheckAck> {
    return this.instances.check(TriggerCheck.parse(data));
  }

  /** Ends queries that nobody waits for any more. */
  @MessagePattern(ServerEvent.queryEnd)
  queryEnd(@Payload() data: unknown): void {
    this.queries.end(QueryEnd.parse(data).campaign_ids);
  }
}
