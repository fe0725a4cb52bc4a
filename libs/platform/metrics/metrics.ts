import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

/** What Prometheus sees. One registry per process. */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  readonly agentsConnected = new Gauge({
    name: 'muster_agents_connected',
    help: 'Agents connected to this server.',
    registers: [this.registry],
  });

  readonly executionsStarted = new Counter({
    name: 'muster_executions_started_total',
    help: 'Executions taken into the ledger.',
    labelNames: ['kind'],
    registers: [this.registry],
  });

  readonly targetsSettled = new Counter({
    name: 'muster_targets_settled_total',
    help: 'Targets that reached their final state by an attempt.',
    labelNames: ['state'],
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }
}
