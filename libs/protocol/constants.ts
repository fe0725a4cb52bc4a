/** Bumped when an older agent or server could misread a message; the server refuses other versions in the handshake. */
export const PROTOCOL_VERSION = 1;

/** Socket.IO namespace that agents dial. */
export const AGENTS_NAMESPACE = '/agents';

/** HTTP path where an agent trades an enroll secret for its node key. */
export const ENROLL_PATH = '/api/v1/agents/enroll';

/** Events an agent emits (each is acknowledged by the server). */
export const AgentEvent = {
  hello: 'hello',
  report: 'report',
  facts: 'facts',
  answer: 'answer',
  findings: 'findings',
} as const;

/**
 * Events the server emits. `run` and `stop` are acknowledged by the agent. The others are not: they are the same for many
 * hosts and leave as one packet; an answer is the acknowledgement, and the next hello brings what was lost.
 */
export const ServerEvent = {
  run: 'run',
  stop: 'stop',
  query: 'query',
  queryEnd: 'query_end',
  standing: 'standing',
} as const;

/** Bounds that both sides keep to; a message beyond them is refused, never truncated. */
export const Limits = {
  /** Largest piece of output in one chunk, bytes. */
  chunkBytes: 64 * 1024,
  /** Output bytes an agent may have in flight (sent, not yet acknowledged) per attempt. */
  windowBytes: 512 * 1024,
  /** Largest message the server accepts on the agents' channel, bytes. */
  messageBytes: 4 * 1024 * 1024,
  /** Reports in one message. */
  reportsPerMessage: 256,
  /** Orders in one message. */
  ordersPerMessage: 64,
  /** Attempts an agent may name in its hello. */
  helloAttempts: 100_000,
  /** Values and column names of one part of an answer to a query, bytes as UTF-8; a single row may pass it. */
  answerPartBytes: 256 * 1024,
  /** Largest single row of an answer, bytes as UTF-8; a query that yields a larger one fails. */
  answerRowBytes: 2 * 1024 * 1024,
  /** Length of a query, characters. */
  querySql: 1024 * 1024,
  /** Queries in one message. */
  queriesPerMessage: 64,
  /** Labels, policies and reports in one message of findings, each. */
  findingsPerMessage: 4096,
  /** Values and column names of one report of a scheduled query, bytes as UTF-8; a query that yields more fails. */
  reportBytes: 1024 * 1024,
} as const;

/** Handshake refusals: the `message` of Socket.IO's `connect_error`. The agent re-enrolls on the first, backs off on all. */
export const HandshakeRefusal = {
  unknownNodeKey: 'unknown_node_key',
  protocolMismatch: 'protocol_mismatch',
  badHandshake: 'bad_handshake',
  unavailable: 'unavailable',
} as const;
