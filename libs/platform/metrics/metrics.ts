import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** What Prometheus sees. One registry per process. */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  readonly agentsConnected = new Gauge({
    name: 'muster_agents_connected',
    help: 'Agents connected to this server.',
    registers: [this.registry],
  });

  readonly liveSubscribers = new Gauge({
    name: 'muster_live_subscribers',
    help: 'Live subscriptions under way: results of queries and output of executions.',
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }
}
