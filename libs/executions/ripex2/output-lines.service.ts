import { Injectable } from '@nestjs/common';
import { type Caller, may } from '#libs/platform/auth/index';
import { HostRights } from '#libs/agents/index';
import { Database } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { isFinal, type TargetState } from '../states.js';
import { AllKindsRepository } from './history/all-kinds.repository.js';
import { type Chunk, linesOf, type Position, positionOf } from './output-lines.js';
import { type OutputParams } from './rpc-params.js';
import { type RpcOutputDto } from './rpc.dto.js';
import { RpcScopeService } from './rpc-scope.service.js';

const SQL = {
  target: {
    name: 'rpc_output_target',
    text: `SELECT t.id, t.state, t.host_id AS "hostId", h.team_id AS "teamId" FROM targets t LEFT JOIN hosts h ON h.id = t.host_id WHERE t.id = $1`,
  },
  chunks: {
    name: 'rpc_output_chunks',
    text: `SELECT chunk_no AS no, stream, at, data FROM output_chunks WHERE target_id = $1 AND chunk_no >= $2 ORDER BY target_id, chunk_no LIMIT $3`,
  },
  // What of a line came before: back to where the stream's last newline is.
  before: {
    name: 'rpc_output_before',
    text: `SELECT chunk_no AS no, stream, at, data FROM output_chunks WHERE target_id = $1 AND chunk_no < $2 AND stream = $3 ORDER BY target_id DESC, chunk_no DESC LIMIT $4`,
  },
};

const CHUNKS = 64;
const MAX_ID = 9_007_199_254_740_991;

interface OutputTarget {
  readonly id: string;
  readonly state: TargetState;
  readonly hostId: number;
  readonly teamId: number | null;
}

/** `script_execution_output_get`: stored output as lines. */
@Injectable()
export class OutputLinesService {
  constructor(
    private readonly database: Database,
    private readonly scope: RpcScopeService,
    private readonly rights: HostRights,
    private readonly runs: AllKindsRepository,
  ) {}

  /** @throws DomainError not_found: no such execution, or none that the caller may read; as `RpcScopeService.host` */
  async get(caller: Caller, { filter, pagination, host }: OutputParams): Promise<RpcOutputDto> {
    const id = filter.execution_id;
    const only = host ? await this.scope.host(caller, host) : null;
    const target = id <= MAX_ID ? await this.visible(caller, id) : null;
    const execution = target && (await this.runs.find(id));
    if (!target || !execution || (only && only.id !== target.hostId))
      throw new DomainError('not_found', {
        name: 'filter.execution_id',
        reason: `no execution ${id}`,
      });
    const { kind: _, ...rest } = execution;
    return {
      execution: rest,
      lines: await this.lines(target, positionOf(pagination.id_exclusive ?? null), pagination.limit),
    };
  }

  private async lines(target: OutputTarget, from: Position, limit: number): Promise<RpcOutputDto['lines']> {
    const pending = {
      stdout: await this.begun(target.id, from.chunk, 'stdout'),
      stderr: await this.begun(target.id, from.chunk, 'stderr'),
    };
    const found: RpcOutputDto['lines'] = [];
    for (let at = from.chunk; ;) {
      const chunks = await this.database.query<Chunk>(SQL.chunks, [target.id, at, CHUNKS]);
      const last = chunks.length < CHUNKS;
      const { lines } = linesOf(chunks, pending, from, last && isFinal(target.state));
      found.push(...lines.slice(0, limit - found.length));
      if (last || found.length === limit) return found;
      at = (chunks.at(-1)?.no ?? at) + 1;
    }
  }

  /** The beginning of the line that the stream was in the middle of before this chunk. */
  private async begun(targetId: string, chunk: number, stream: 'stdout' | 'stderr'): Promise<Buffer[]> {
    const parts: Buffer[] = [];
    for (let before = chunk; before > 0;) {
      const chunks = await this.database.query<Chunk>(SQL.before, [targetId, before, stream, CHUNKS]);
      for (const { data } of chunks) {
        const newline = data.lastIndexOf(0x0a);
        parts.unshift(data.subarray(newline + 1));
        if (newline >= 0) return parts;
      }
      if (chunks.length < CHUNKS) break;
      before = chunks.at(-1)?.no ?? 0;
    }
    return parts;
  }

  private async visible(caller: Caller, id: number): Promise<OutputTarget | null> {
    const [target] = await this.database.query<OutputTarget>(SQL.target, [id]);
    if (!target || !may(caller, 'execution:read', target.teamId)) return null;
    const host = { id: target.hostId, teamId: target.teamId };
    return (await this.rights.refusals(caller, 'execution:read', [host])).size > 0 ? null : target;
  }
}
