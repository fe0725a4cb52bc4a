import { Injectable } from '@nestjs/common';
import { type Order } from '#libs/protocol/index';
import { type ConnectionForRun, ConnectionsService, messageOfRule } from '#libs/connections/index';
import { DomainError } from '#libs/platform/errors/index';
import { type OrderAdditions, OrderRefused, OrderSecrets } from '../dispatch/order-secrets.js';
import { ExecSessionsRepository, type OrderedSession } from './exec-sessions.repository.js';

/** What the orders of exec sessions get from their connections, as these are at that moment. */
@Injectable()
export class SessionOrders extends OrderSecrets {
  constructor(
    private readonly sessions: ExecSessionsRepository,
    private readonly connections: ConnectionsService,
  ) {
    super();
  }

  /** As the port says. */
  async additionsFor(executionUuid: string): Promise<OrderAdditions> {
    const session = await this.sessions.ordered(executionUuid);
    if (!session) throw new OrderRefused('the session, or its host, is gone');
    const connection = await this.connections.forOrder(session.connection_id);
    if (!connection) throw new OrderRefused(`connection ${session.connection_name} was deleted`);
    if (session.has_review && connection.version !== session.version)
      throw new OrderRefused(changedSince(session.connection_name));
    const additions = toAdditions(session, connection, await opened(connection), executionUuid);
    const { secrets, mask, deny_output } = additions;
    if (!session.keeps_secrets && (secrets ?? mask ?? deny_output) !== undefined)
      throw new OrderRefused(
        `the agent on ${session.hostname} is too old to keep secrets and to mask output: install the agent that belongs to this server`,
      );
    return additions;
  }
}

/** Words for a session that was approved for something else than what its connection is now. */
export function changedSince(connectionName: string): string {
  return `connection ${connectionName} was changed after this session was asked for: ask for a new one`;
}

type Opened = Awaited<ReturnType<ConnectionForRun['open']>>;

async function opened(connection: ConnectionForRun): Promise<Opened> {
  try {
    return await connection.open();
  } catch (error) {
    if (error instanceof DomainError && error.code === 'refused') throw new OrderRefused(error.message);
    throw error;
  }
}

function toAdditions(
  session: OrderedSession,
  connection: ConnectionForRun,
  { env, files, plain }: Opened,
  uuid: string,
): OrderAdditions {
  const brought = Object.entries(session.files)
    .filter(([name]) => !Object.hasOwn(env, name) && !Object.hasOwn(plain, name))
    .map(([name, text]): [string, Buffer] => [name, Buffer.from(text, 'base64')]);
  const allFiles = { ...Object.fromEntries(brought), ...files };
  const secrets: Order['secrets'] = {
    ...(Object.keys(env).length > 0 && { env }),
    ...(Object.keys(allFiles).length > 0 && { files: allFiles }),
  };
  const rules = connection.guardrails.filter(({ side }) => side === 'output');
  const types = [...connection.maskTypes];
  return {
    env: {
      ...plain,
      MUSTER_SESSION_ID: uuid,
      MUSTER_CONNECTION_NAME: session.connection_name,
      MUSTER_CONNECTION_TYPE: session.connection_type,
      MUSTER_USER_EMAIL: session.requested_by_email,
    },
    ...(Object.keys(secrets).length > 0 && { secrets }),
    ...(types.length > 0 && { mask: { values: [], types } }),
    ...(rules.length > 0 && {
      deny_output: rules.map((rule) => ({
        ...(rule.type === 'deny_words_list'
          ? { words: rule.words.filter((word) => word !== '') }
          : { pattern: rule.pattern_regex }),
        message: messageOfRule(rule).slice(0, 4_096),
      })),
    }),
  };
}
