import { type Chunk, type Execution, type OutputStream } from '../api/shapes.js';

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

  /** The execution as the server tells it, each target with its `output`. */
  attachTo(execution: Execution): Record<string, unknown> {
    const targets = execution.targets.map((target) => {
      const streams = this.parts.get(String(target.id)) ??
        this.parts.get(target.uuid) ?? { stdout: [], stderr: [] };
      const stdout = encode(streams.stdout);
      const stderr = encode(streams.stderr);
      return {
        ...target.raw,
        output: {
          stdout: stdout.text,
          stdout_encoding: stdout.encoding,
          stderr: stderr.text,
          stderr_encoding: stderr.encoding,
        },
      };
    });
    return { ...execution.raw, targets };
  }
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
