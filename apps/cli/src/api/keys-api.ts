import { type HttpClient } from '../http/http-client.js';
import { list, number, optional, readAnswer, record, string } from './read.js';

/** A registered key. */
export interface RegisteredKey {
  readonly id: string;
  readonly userId: number;
  readonly email: string;
  readonly name: string;
  readonly publicKey: string;
  readonly created: string;
  readonly revoked: string | undefined;
  readonly raw: Record<string, unknown>;
}

const keys = '/api/v1/keys';

/** Public keys of people who sign. */
export class KeysApi {
  constructor(private readonly http: HttpClient) {}

  /** One's own; for administrators everybody's. */
  async list(): Promise<RegisteredKey[]> {
    const answer = await this.http.json('GET', keys);
    return readAnswer(this.http.url, () => list(record(answer, 'answer')['keys'], readKey, 'keys'));
  }

  async add(name: string, publicKey: string): Promise<RegisteredKey> {
    const answer = await this.http.json('POST', keys, { body: { name, public_key: publicKey } });
    return readAnswer(this.http.url, () => readKey(record(answer, 'answer')['key'], 'key'));
  }

  async revoke(id: string): Promise<void> {
    await this.http.json('DELETE', `${keys}/${encodeURIComponent(id)}`);
  }
}

function readKey(value: unknown, at: string): RegisteredKey {
  const raw = record(value, at);
  return {
    id: string(raw['id'], `${at}.id`),
    userId: number(raw['user_id'], `${at}.user_id`),
    email: string(raw['email'], `${at}.email`),
    name: string(raw['name'], `${at}.name`),
    publicKey: string(raw['public_key'], `${at}.public_key`),
    created: string(raw['created_at'], `${at}.created_at`),
    revoked: optional(raw['revoked_at'], string, `${at}.revoked_at`),
    raw,
  };
}
