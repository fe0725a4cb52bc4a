import { Server, type CustomTransportStrategy } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import { errorMessage } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';
import { type Provenance } from '../trust/gate.js';
import { type AgentLink } from './agent-link.js';

/** Nest's transport turned around: the agent dials out, and what the server sends over that line are the messages. */
export class SocketClientStrategy extends Server implements CustomTransportStrategy {
  constructor(
    private readonly link: AgentLink,
    private readonly log: AgentLogger,
  ) {
    super();
  }

  override listen(callback: () => void): void {
    this.link.open((event, message, provenance) => this.handle(event, message, provenance));
    callback();
  }

  override close(): Promise<void> {
    return this.link.close();
  }

  override on(): void {
    throw new Error('this transport has no events of its own');
  }

  override unwrap<T>(): T {
    return this.link as T;
  }

  private async handle(event: string, message: unknown, provenance: Provenance): Promise<unknown> {
    try {
      const handler = this.getHandlerByPattern(event);
      if (handler === null) throw new Error(`nothing handles "${event}"`);
      const result: unknown = await handler(message, provenance);
      return isObservable(result) ? await lastValueFrom(result) : result;
    } catch (error) {
      this.log.error({ event, err: errorMessage(error) }, 'an order could not be answered');
      throw error;
    }
  }
}
