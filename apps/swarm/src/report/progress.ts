import { type Statistics, type StatisticsView } from './statistics.js';

const EVERY_MS = { terminal: 1000, log: 10_000 };

/** A line about how it goes, every second on a terminal, every ten seconds elsewhere. */
export class Progress {
  private readonly timer: NodeJS.Timeout;
  private readonly began = performance.now();
  private answersBefore = 0;

  constructor(
    private readonly statistics: Statistics,
    private readonly out: NodeJS.WriteStream,
  ) {
    const every = out.isTTY ? EVERY_MS.terminal : EVERY_MS.log;
    this.timer = setInterval(() => this.tell(every / 1000), every);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private tell(seconds: number): void {
    const { counts, connected, hosts, errors } = this.statistics.view();
    const answers = counts.answers + counts.answers_failed;
    const runs = counts.runs_finished + counts.runs_failed;
    const failed = Object.values(errors).reduce((sum, count) => sum + count, 0);
    const rate = Math.round((answers - this.answersBefore) / seconds);
    this.answersBefore = answers;
    this.out.write(
      `${Math.round((performance.now() - this.began) / 1000)} s: ${counts.enrolled} enrolled, ` +
        `${connected} of ${hosts} connected, ${runs} runs, ${answers} answers (${rate}/s), ${failed} errors\n`,
    );
  }
}

/** What happened, for people. */
export function summary(view: StatisticsView): string {
  const lines = [
    `${view.ever_connected} of ${view.hosts} hosts were connected, ${view.connected} to the end`,
  ];
  const happened = Object.entries(view.counts).filter(([, count]) => count > 0);
  for (const [name, count] of happened) lines.push(`  ${name.replaceAll('_', ' ').padEnd(24)}${count}`);
  lines.push(
    `  ${'milliseconds'.padEnd(24)}${['count', 'p50', 'p99', 'max'].map((t) => t.padStart(10)).join('')}`,
  );
  for (const [name, { count, p50, p99, max }] of Object.entries(view.latencies_ms)) {
    if (count === 0) continue;
    const cells = [String(count), ...[p50, p99, max].map((ms) => (ms ?? 0).toFixed(1))];
    lines.push(`  ${name.padEnd(24)}${cells.map((cell) => cell.padStart(10)).join('')}`);
  }
  for (const [message, count] of Object.entries(view.errors)) lines.push(`  ${count} × ${message}`);
  lines.push(
    `  this process: ${view.process.rss_mb.toFixed(0)} MB, ${view.process.cpu_seconds.toFixed(1)} s of CPU`,
  );
  return `${lines.join('\n')}\n`;
}
