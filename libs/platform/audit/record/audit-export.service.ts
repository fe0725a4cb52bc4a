import { Injectable } from '@nestjs/common';
import { Database } from '../../database/index.js';
import { DomainError } from '../../errors/index.js';
import { Signer } from '../../signing/index.js';
import {
  BEGINNING,
  beginningLine,
  type ChainPlace,
  type EndBody,
  endLine,
  parseBody,
  placeAfter,
  PREFIX,
  sealLine,
  type Signed,
  type StoredSeal,
} from '../chain/index.js';
import { AuditChain } from './audit-chain.service.js';
import { ChainSql } from './chain.repository.js';
import { BEFORE_ALL, sealedRows } from './verify-record.js';

/** The record with its seals, as newline JSON. */
@Injectable()
export class AuditExport {
  constructor(
    private readonly database: Database,
    private readonly signer: Signer,
    private readonly chain: AuditChain,
  ) {}

  /**
   * Up to now; what comes while it is read is for the next one.
   * @param after the seal that it goes on after; null: all that is kept
   * @throws DomainError not_found: there is no such seal (any more)
   */
  async lines(after: number | null): Promise<AsyncGenerator<Buffer>> {
    const last = await this.chain.sealAll();
    const checkpoints = await ChainSql.checkpoints(this.database);
    const from = after === null ? null : await this.sealOf(after);
    const place = from ? placeOf(from) : forgotten(checkpoints[0]);
    const beginning = beginningLine({
      checkpoints: from ? [] : checkpoints,
      after: from,
      keys: this.signer.publicKeys(),
    });
    const upTo = (last && parseBody('seal', last.body)?.seal) ?? 0;
    return this.write(
      beginning,
      last ? placeOf(last) : place,
      after === null ? BEFORE_ALL : String(after),
      upTo,
    );
  }

  private async *write(
    beginning: string,
    end: ChainPlace,
    after: string,
    upTo: number,
  ): AsyncGenerator<Buffer> {
    const over = this.chain.read();
    try {
      yield Buffer.from(`${beginning}\n`);
      for await (const { stored, lines, more } of sealedRows(this.database, after)) {
        if (stored.seal > upTo) break;
        const rows = stored.ids.flatMap((id) => [lines.get(id) ?? [], more.get(id) ?? []].flat());
        yield Buffer.from([...rows, sealLine(stored), ''].join('\n'));
      }
      // Where the record ends by what the server knows, whatever was read: what is missing shows.
      yield Buffer.from(`${endLine(this.signedEnd(end))}\n`);
    } finally {
      over();
    }
  }

  private signedEnd(place: ChainPlace): Signed {
    const { seal, digest, position, head } = place;
    const said: EndBody = {
      v: 1,
      seal,
      digest,
      position,
      head,
      made_at: new Date().toISOString(),
      key: this.signer.keyId,
    };
    const body = JSON.stringify(said);
    return { body, signature: this.signer.sign(Buffer.from(PREFIX.end + body)) };
  }

  private async sealOf(number: number): Promise<StoredSeal> {
    const [stored] = await ChainSql.seals(this.database, String(number - 1), 1);
    if (stored?.seal !== number)
      throw new DomainError('not_found', {
        name: 'after',
        reason: `there is no seal ${number} in the record`,
      });
    return stored;
  }
}

function placeOf(seal: Signed): ChainPlace {
  const body = parseBody('seal', seal.body);
  return body ? placeAfter(seal, body) : BEGINNING;
}

function forgotten(checkpoint: Signed | undefined): ChainPlace {
  const body = checkpoint && parseBody('checkpoint', checkpoint.body);
  return body ?? BEGINNING;
}
