import { isUtf8 } from 'node:buffer';
import { Limits, type Chunk, type Ending, type Order, type Report } from '#libs/protocol/index';
import { type Preparation } from '../exec/launch.js';
import { type Run } from '../exec/runner.js';
import { type InstanceMark } from '../journal/journal-state.js';
import { type OutputReader } from '../journal/output.js';
import { type StoredChunk } from '../journal/segment.js';
import { type LaneJob } from './lane.js';

/** Control characters take six bytes each in JSON: such output travels as bytes, which cost what they are. */
// eslint-disable-next-line no-control-regex
const COSTLY = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/;
/** From here on text costs more than an attachment: it is checked, copied and escaped at one end, and parsed and copied at the other. */
const LARGE_BYTES = 16 * 1024;
const REPORT_OVERHEAD = 400;
const CHUNK_OVERHEAD = 120;

/** A report ready to be sent, with what it costs. */
export interface PreparedReport {
  readonly report: Report;
  readonly bytes: number;
  /** Chunks that travel as bytes: each is an attachment, of which Socket.IO takes few per message. */
  readonly attachments: number;
}

export type AttemptState = 'queued' | 'starting' | 'running' | 'ended';

/** One attempt while the agent holds it: where it stands, and how much of it the server has. */
export class Attempt {
  state: AttemptState = 'queued';
  run: Run | null = null;
  /** Of an order that will start at once, while it is being written down. */
  preparation: Preparation | null = null;
  job: LaneJob | null = null;
  /** Its payload and the rest, until it has been started; an attempt found in the journal has none. */
  order: Order | null;
  output: OutputReader | null = null;
  startedAt: number | null = null;
  /** The server takes no more word of it: its end is only written down. */
  forgotten = false;
  /** The instance that it is a run of. */
  instance: InstanceMark | null = null;
  /** Of a run that a trigger started: the server knows it. Nothing else is told before. */
  announced = true;
  /** Until when what people have signed may be started, by this host's own clock; null: nobody had to sign. */
  signedUntil: number | null = null;
  /** The setting of the stop trigger that fired. */
  stoppedBy: string | null = null;
  /** A started run that ends at once is told in one message: until then nothing is due. */
  due = false;
  /** A message with a report of this attempt is on its way. */
  inFlight = false;
  ending: Ending | null = null;
  /** Output that cannot be read back (the disk, somebody's rm): what comes from here on is gone, and said to be. */
  broken = false;
  private startTold = false;
  private nextSeq = 0;
  /** Bytes of output that the server has from this process. */
  private told = 0;

  constructor(
    readonly id: string,
    order: Order | null,
  ) {
    this.order = order;
  }

  /** Takes what an earlier process left; all of it is told again. */
  resume(output: OutputReader, startedAt: number | null, ending: Ending | null): void {
    this.output = output;
    this.nextSeq = output.first;
    this.startedAt = startedAt;
    this.ending = ending;
    this.due = true;
    if (ending !== null) this.state = 'ended';
  }

  /** It will not be started. */
  discardPreparation(): void {
    void this.preparation?.discard();
    this.preparation = null;
  }

  /** Whether there is something to tell. */
  hasNews(): boolean {
    if (this.forgotten || this.inFlight || !this.announced) return false;
    if (this.ending !== null) return true;
    if (!this.due || this.startedAt === null) return false;
    return !this.startTold || (!this.broken && this.output !== null && this.output.available > this.nextSeq);
  }

  /**
   * The next report: no larger than `budget` bytes, with at most so many chunks that travel as bytes. The first report of a message has a
   * chunk in any case, or nothing would ever move; a later one may have nothing to say.
   */
  async prepare(budget: number, attachmentsLeft: number, first: boolean): Promise<PreparedReport> {
    const report: Report = { attempt_id: this.id };
    if (!this.startTold && this.startedAt !== null) report.started_at = this.startedAt;
    // Read before the chunks: what comes while they are read belongs to the next report.
    const { ending, output } = this;
    const end = this.broken ? 0 : (output?.available ?? 0);
    const chunks: Chunk[] = [];
    let cost = REPORT_OVERHEAD;
    let bytes = 0;
    let attachments = 0;
    let seq = this.nextSeq;
    for (; output !== null && seq < end; seq += 1) {
      const stored = await output.read(seq).catch(() => null);
      if (stored === null) {
        this.broken = true;
        break;
      }
      if (
        (!first || chunks.length > 0) &&
        (cost + stored.data.length > budget || bytes + stored.data.length > Limits.windowBytes)
      )
        break;
      const chunk = toChunk(seq, stored, attachments < attachmentsLeft);
      if (typeof chunk.data !== 'string') {
        if (attachments >= attachmentsLeft) break;
        attachments += 1;
      }
      chunks.push(chunk);
      bytes += stored.data.length;
      cost += stored.data.length + CHUNK_OVERHEAD;
    }
    if (chunks.length > 0) report.chunks = chunks;
    if (ending !== null && this.broken) report.ending = this.curtailed(ending, seq, bytes);
    else if (ending !== null && seq >= end) report.ending = ending;
    return { report, bytes: cost, attachments };
  }

  /** The server has stored this report; true when that was the last one. */
  confirm(report: Report): boolean {
    if (report.started_at !== undefined) this.startTold = true;
    const last = report.chunks?.at(-1);
    if (last !== undefined) {
      this.nextSeq = last.seq + 1;
      for (const { data } of report.chunks ?? []) this.told += Buffer.byteLength(data);
      this.output?.release(this.nextSeq);
    }
    return report.ending !== undefined;
  }

  /** The ending of a run whose output from this chunk on cannot be told. */
  private curtailed(ending: Ending, seq: number, bytes: number): Ending {
    const missing = ending.stdout_bytes + ending.stderr_bytes - this.told - bytes;
    return {
      ...ending,
      chunks: seq,
      gap_seq: seq,
      dropped_bytes: Math.max(ending.dropped_bytes, missing, 1),
    };
  }
}

/** A stored chunk in the words of the contract: text when that is cheap, or when there is no room for bytes. */
export function toChunk(seq: number, { stream, at, data }: StoredChunk, room = true): Chunk {
  if ((room && data.length >= LARGE_BYTES) || !isUtf8(data)) return { seq, stream, at, data };
  const text = data.toString('utf8');
  return { seq, stream, at, data: COSTLY.test(text) ? data : text };
}
