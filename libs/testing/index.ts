/** Fixtures for tests that need a real PostgreSQL, real servers and real agents. Never part of a build. */
export { createTestDatabase, type TestDatabase } from './database.js';
export { Api, api, type Answer, type Credentials } from './http.js';
export { atEnd, cleanUp, temporaryDirectory, type Exit } from './managed-process.js';
export {
  freePort,
  startAgent,
  startServer,
  startSwarm,
  type AgentFixture,
  type AgentOptions,
  type HostRef,
  type ServerFixture,
  type ServerOptions,
  type SwarmFixture,
  type SwarmOptions,
} from './processes.js';
export { startProxy, type Direction, type TcpProxy } from './tcp-proxy.js';
export { until, type UntilOptions } from './until.js';
