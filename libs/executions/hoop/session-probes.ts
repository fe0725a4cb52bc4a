import { Injectable, type OnModuleInit } from '@nestjs/common';
import { type ConnectionForRun, ConnectionProbes } from '#libs/connections/index';
import { type Caller } from '#libs/platform/auth/index';
import { ExecSessionsRepository } from './exec-sessions.repository.js';
import { SessionAnswers } from './session-answers.service.js';
import { SessionControl } from './session-control.service.js';
import { SessionStarts } from './session-starts.service.js';

/** Seconds that the answer waits, the end of what takes too long included. */
const WAIT_SECONDS = 25;
const MOST_SHOWN = 1_000;

/** Tries connections out: a session like any other, of verb `test`. */
@Injectable()
export class SessionProbes implements OnModuleInit {
  constructor(
    private readonly probes: ConnectionProbes,
    private readonly starts: SessionStarts,
    private readonly sessions: ExecSessionsRepository,
    private readonly answers: SessionAnswers,
    private readonly control: SessionControl,
  ) {}

  onModuleInit(): void {
    this.probes.use((caller, connection, script) => this.problemOf(caller, connection, script));
  }

  private async problemOf(
    caller: Caller,
    connection: ConnectionForRun,
    script: string,
  ): Promise<string | null> {
    const { uuid, review } = await this.starts.probe(caller, connection, script);
    if (review !== null) {
      // A policy wants somebody's approval for it: then nobody knows yet.
      await this.control.kill(caller, uuid);
      return null;
    }
    const session = await this.sessions.find(uuid);
    if (!session) throw new Error(`session ${uuid} is gone`);
    const never = new AbortController().signal;
    const { ended, body } = await this.answers.after(session, WAIT_SECONDS, never, 'listen', '');
    if (!ended) return `its command has not ended within ${WAIT_SECONDS} s`;
    if (body.output_status === 'success') return null;
    const said = body.output.trim().slice(-MOST_SHOWN);
    if (body.exit_code < 0) return said;
    return `its command ended with exit code ${body.exit_code}${said === '' ? '' : `: ${said}`}`;
  }
}
