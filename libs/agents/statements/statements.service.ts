import { Injectable } from '@nestjs/common';
import {
  HostTree,
  isSignatureOf,
  misfitOf,
  readStatement,
  SignedStatement,
  type StatedHost,
  type StatedRun,
  type Statement,
  timeOf,
  UnreadableStatement,
} from '#libs/protocol/index';
import { SignerKeys } from '#libs/platform/auth/index';
import { Database } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { type SignedStatementDto } from './statement.dto.js';

/** A statement that fits its request, as it is kept beside that. */
export interface KeptStatement {
  readonly signed: SignedStatement;
  readonly nonce: string;
  /** `HostTree.leaves` of its hosts. */
  readonly leaves: Buffer;
}

/** What hosts are to be asked to run, by the names under which a statement knows it. */
export interface StatedRequest {
  readonly run: StatedRun;
  /** All hosts that it may run on, in whatever order. */
  readonly hostIds: readonly number[];
}

const SQL = {
  hosts: {
    name: 'stated_hosts',
    text: 'SELECT uuid, hostname FROM hosts WHERE id = ANY($1::int[]) ORDER BY id',
  },
  byId: {
    name: 'stated_hosts_by_id',
    text: 'SELECT id, uuid, hostname FROM hosts WHERE id = ANY($1::int[])',
  },
};

/** Trees of so many statements stay built: the orders of one leave together, or wave by wave. */
const TREES = 64;

/**
 * Statements on their way to hosts. Hosts judge them by themselves: what is checked here is only that nobody waits for an order that no host would
 * take.
 */
@Injectable()
export class StatementsService {
  private readonly trees = new Map<string, HostTree>();

  constructor(
    private readonly database: Database,
    private readonly keys: SignerKeys,
  ) {}

  /**
   * Checks a statement that came with a request.
   * @throws DomainError invalid (`statement`): it cannot be read, is over, is of something else, or somebody's signature does not hold
   */
  async accept(dto: SignedStatementDto, request: StatedRequest): Promise<KeptStatement> {
    const signed = SignedStatement.safeParse(dto);
    if (!signed.success) throw refused('it has no signature, or cannot be read');
    const statement = read(signed.data.statement);
    const time = timeOf(statement, Date.now());
    if (time !== 'good')
      throw refused(
        time === 'expired'
          ? `it was good until ${new Date(statement.expires).toISOString()}: sign it again`
          : `it is good from ${new Date(statement.not_before).toISOString()} on`,
      );
    const field = misfitOf(statement, request.run);
    if (field !== null) throw refused(`its ${field} is not that of the request: hosts would not run it`);
    await this.checkSignatures(signed.data);
    const hosts = await this.database.query<StatedHost>(SQL.hosts, [request.hostIds]);
    const tree = hosts.length === 0 ? null : HostTree.over(hosts);
    if (tree?.root !== statement.hosts.root || tree.count !== statement.hosts.count) {
      const count = tree?.count ?? 0;
      throw refused(
        `its hosts are others than the request's (it has ${statement.hosts.count}, the request ${count}): sign it again`,
      );
    }
    return { signed: signed.data, nonce: statement.nonce, leaves: tree.leaves };
  }

  /** What shows each of these hosts, by its id, that a statement is meant for it; those that it is not meant for are not there. */
  async proofs(
    kept: Pick<KeptStatement, 'nonce' | 'leaves'>,
    hostIds: readonly number[],
  ): Promise<Map<number, string[]>> {
    const rows = await this.database.query<StatedHost & { id: number }>(SQL.byId, [hostIds]);
    const tree = this.tree(kept);
    return new Map(
      rows.flatMap(({ id, ...host }) => {
        const proof = tree.proof(host);
        return proof === null ? [] : [[id, proof] as const];
      }),
    );
  }

  /** The hosts with these ids, as statements know them, by id. */
  async hosts(hostIds: readonly number[]): Promise<StatedHost[]> {
    return this.database.query<StatedHost>(SQL.hosts, [hostIds]);
  }

  private async checkSignatures({ statement, signatures }: SignedStatement): Promise<void> {
    const keys = await this.keys.find(signatures.map(({ key }) => key));
    for (const signature of signatures) {
      const key = keys.get(signature.key);
      if (key === undefined)
        throw refused(`the key ${signature.key} is not registered, or was revoked: see \`muster keys list\``);
      if (!isSignatureOf(statement, signature, key.publicKey))
        throw refused(`the signature of the key ${signature.key} is not of this statement`);
    }
  }

  private tree({ nonce, leaves }: Pick<KeptStatement, 'nonce' | 'leaves'>): HostTree {
    let tree = this.trees.get(nonce);
    if (tree === undefined) {
      tree = HostTree.ofLeaves(leaves);
      for (const oldest of this.trees.keys()) {
        if (this.trees.size < TREES) break;
        this.trees.delete(oldest);
      }
      this.trees.set(nonce, tree);
    }
    return tree;
  }
}

/** @throws DomainError invalid (`statement`) */
function read(text: string): Statement {
  try {
    return readStatement(text);
  } catch (error) {
    if (error instanceof UnreadableStatement) throw refused(error.message);
    throw error;
  }
}

/** What is said when a statement comes a second time. */
export function usedBefore(): DomainError {
  return new DomainError('invalid_conflict', {
    name: 'statement',
    reason: 'it was used before, and a statement is good for one request: sign it again',
  });
}

function refused(reason: string): DomainError {
  return new DomainError('invalid', { name: 'statement', reason: `statement: ${reason}` });
}
