import { type Chunk, type Execution, type OutputStream } from '../api/shapes.js';

/** As `--json` shows it. */
export interface Output {
  stdout: string;
  stdout_encoding: 'utf8' | 'base64';
  stderr: string;
  stderr_encoding: 'utf8' | 'base64';
}

/** Gathers output for `--json`: text where it is valid UTF-8, otherwise base64. */
export class CollectedOutput {
  private readonly parts = new Map<string, Record<OutputStream, Buffer[]>>();

  add(chunk: Chunk): void {
    let streams = this.parts.get(chunk.targetId);
    if (!streams) this.parts.set(chunk.targetId, (streams = { stdout: [], stderr: [] }));
    streams[chunk.stream].push(chunk.bytes);
  }

  /** What came on one stream, from all targets. */
  text(stream: OutputStream): string {
    return Buffer.concat([...this.parts.values()].flatMap((streams) => streams[stream])).toString('utf8');
  }

  /** Everything, whichever target it came from. */
  all(): Output {
    const of = (stream: OutputStream): Buffer[] => [...this.parts.values()].flatMap((parts) => parts[stream]);
    return outputOf({ stdout: of('stdout'), stderr: of('stderr') });
  }

  /** The execution as the server tells it, each target with its `output`. */
  attachTo(execution: Execution): Record<string, unknown> {
    const targets = execution.targets.map((target) => {
      const streams = this.parts.get(String(target.id)) ??
        this.parts.get(target.uuid) ?? { stdout: [], stderr: [] };
      return { ...target.raw, output: outputOf(streams) };
    });
    return { ...execution.raw, targets };
  }
}

function outputOf(streams: Record<OutputStream, Buffer[]>): Output {
  const stdout = encode(streams.stdout);
  const stderr = encode(streams.stderr);
  return {
    stdout: stdout.text,
    stdout_encoding: stdout.encoding,
    stderr: stderr.text,
    stderr_encoding: stderr.encoding,
  };
}

function encode(parts: Buffer[]): { text: string; encoding: 'utf8' | 'base64' } {
  const bytes = Buffer.concat(parts);
  try {
    return {
      text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes),
      encoding: 'utf8',
    };
  } catch {
    return { text: bytes.toString('base64'), encoding: 'base64' };
  }
}
