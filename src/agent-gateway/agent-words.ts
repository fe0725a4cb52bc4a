import { Injectable } from '@nestjs/common';
import { Answer, type AnswerAck, type ReportAck, Reports, RunAck } from '#libs/protocol/index';
import { DispatcherService, SettlementsService } from '#libs/executions/index';
import { type AnsweringHost, AnswersService } from '#libs/queries/index';
import { type AgentSocket } from './agent-connections.js';
import { AgentTraffic, type Flow } from './agent-traffic.js';
import { OutputIntake } from './output-intake.js';

/** A host that cannot keep up says what it has taken ten times a second; in that time five are forgiven. */
const TAKEN_WEIGHT = 0.5;

/** What agents answer to what they were asked: reports of runs, and rows of live queries. */
@Injectable()
export class AgentWords {
  constructor(
    private readonly settlements: SettlementsService,
    private readonly dispatcher: DispatcherService,
    private readonly answers: AnswersService,
    private readonly intake: OutputIntake,
    private readonly traffic: AgentTraffic,
  ) {}

  /** @throws ZodError, DomainError malformed, for a message that makes no sense */
  async report(socket: AgentSocket, flow: Flow, body: unknown): Promise<ReportAck> {
    const { hostId } = socket.data;
    const { reports } = Reports.parse(body);
    const statuses = await this.intake.hold(flow, reports, () =>
      Promise.all(reports.map((report) => this.settlements.report(hostId, report))),
    );
    if (!statuses.includes('ok')) this.traffic.inVain(socket);
    return {
      ok: true,
      answers: reports.map(({ attempt_id }, i) => ({ attempt_id, status: statuses[i] ?? 'stale' })),
      window_bytes: this.intake.share(),
    };
  }

  /** What became of orders. @throws ZodError for a message that makes no sense */
  async taken(socket: AgentSocket, body: unknown): Promise<void> {
    const ended = await this.dispatcher.answered(socket.data.hostId, RunAck.parse(body).answers);
    if (ended === 0) this.traffic.inVain(socket, TAKEN_WEIGHT);
  }

  /** @throws ZodError for a message that makes no sense */
  async answer(socket: AgentSocket, body: unknown): Promise<AnswerAck> {
    const status = await this.answers.answer(answering(socket), Answer.parse(body));
    if (status === 'stale') this.traffic.inVain(socket);
    return { ok: true, status };
  }

  /** The host said hello: it is asked again what it owes. */
  resume(socket: AgentSocket): Promise<void> {
    return this.answers.resume(answering(socket));
  }

  left(hostId: number): void {
    this.answers.left(hostId);
  }
}

function answering({ data: { hostId, hostname } }: AgentSocket): AnsweringHost {
  return { id: hostId, hostname };
}
