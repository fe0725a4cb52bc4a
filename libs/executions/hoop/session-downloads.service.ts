import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type Caller } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { ExecSessionsRepository } from './exec-sessions.repository.js';
import { SessionEvents } from './session-events.js';
import { type FileForm, fileForm, renderFile } from './session-files.js';
import { type FoundSession, SessionsService } from './sessions.service.js';
import {
  type DownloadLinkDto,
  type DownloadQueryDto,
  type FileQueryDto,
  type SessionQueryDto,
} from './sessions.dto.js';

/** Seconds that a link is good for. */
const LINK_SECONDS = 300;

/** A file as it is sent. */
export interface SessionFile {
  readonly name: string;
  readonly bytes: AsyncIterable<Buffer>;
}

/** Sessions as files: by a link that needs no other token than its own, or directly. */
@Injectable()
export class SessionDownloads {
  constructor(
    private readonly sessions: SessionsService,
    private readonly repository: ExecSessionsRepository,
    private readonly events: SessionEvents,
  ) {}

  /**
   * A link that is good for five minutes, and once; it takes the place of the one before.
   * @param base address of this server
   * @throws DomainError not_found; invalid
   */
  async link(caller: Caller, uuid: string, query: SessionQueryDto, base: string): Promise<DownloadLinkDto> {
    const { session } = await this.sessions.readable(caller, uuid);
    const { extension, events } = fileForm(query);
    const token = randomBytes(32).toString('base64url');
    const expires = await this.repository.putDownload(session.id, hashOf(token), LINK_SECONDS);
    const wanted = new URLSearchParams({ token });
    const input = query['blob-type'] === 'session_input';
    if (!input) {
      wanted.set('extension', extension);
      for (const name of ['newline', 'event-time'] as const)
        if (query[name] !== undefined) wanted.set(name, query[name]);
      wanted.set('events', [...events].join(','));
    }
    return {
      download_url: `${base}/api/sessions/${session.uuid}/download${input ? '/input' : ''}?${wanted.toString()}`,
      expire_at: expires.toISOString(),
    };
  }

  /** @throws DomainError not_found (no link was asked for); gone (it is over); credentials_invalid (another token); invalid */
  async download(uuid: string, query: DownloadQueryDto): Promise<SessionFile> {
    const form = fileForm(query);
    const found = await this.admitted(uuid, query.token);
    return { name: nameOf(found, form.extension), bytes: this.render(found, form) };
  }

  /** The script. @throws as `download` */
  async input(uuid: string, token: string | undefined): Promise<SessionFile> {
    const found = await this.admitted(uuid, token);
    return {
      name: nameOf(found, 'input.txt'),
      bytes: this.render(found, fileForm({ events: 'i' })),
    };
  }

  /** All that is stored until now. @throws DomainError not_found; invalid */
  async result(caller: Caller, uuid: string, query: FileQueryDto): Promise<AsyncIterable<Buffer>> {
    const form = fileForm(query);
    return this.render(await this.sessions.readable(caller, uuid), { ...form, extension: 'txt' });
  }

  private render({ session, target }: FoundSession, form: FileForm): AsyncIterable<Buffer> {
    return renderFile(this.events.read(session, target, form.events), form);
  }

  private async admitted(uuid: string, token: string | undefined): Promise<FoundSession> {
    const found = await this.sessions.find(uuid, () => true);
    const state = await this.repository.takeDownload(found.session.id, hashOf(token ?? ''));
    if (state === 'taken') return found;
    if (state === 'none')
      throw new DomainError('not_found', 'there is no such link, or it was used: ask for a new one');
    if (state === 'expired') throw new DomainError('gone', 'the link has expired: ask for a new one');
    throw new DomainError('credentials_invalid', 'access denied');
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function nameOf({ session }: FoundSession, extension: string): string {
  const time = session.created_at.toISOString().replace(/[:.]/g, '-');
  return `${session.connection_name}-${session.uuid}-${time}.${extension}`;
}
