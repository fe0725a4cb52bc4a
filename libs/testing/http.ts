/** The answer of the server; a JSON body is parsed, anything else is text. */
export interface Answer {
  status: number;
  headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into bodies of every shape
  body: any;
}

export interface Credentials {
  email: string;
  password: string;
}

/** Who to talk to; a server fixture is one. */
export interface Target {
  readonly url: string;
  readonly admin?: Credentials;
}

/** A small client for tests: never throws for a status, so that tests can expect each of them. */
export class Api {
  constructor(
    private readonly target: Target,
    private token?: string,
  ) {}

  /** Signs in, by default as the first admin; later requests carry the token. */
  async login(credentials: Credentials | undefined = this.target.admin): Promise<this> {
    const { status, body } = await this.post('/api/v1/fleet/login', credentials);
    if (status !== 200) throw new Error(`login answered ${status}: ${JSON.stringify(body)}`);
    this.token = body.token;
    return this;
  }

  /** The token in use, for other transports than this one. */
  get bearer(): string {
    if (this.token === undefined) throw new Error('not signed in');
    return this.token;
  }

  /** The same server for another caller; without a token for none. */
  as(token?: string): Api {
    return new Api(this.target, token);
  }

  get(path: string, headers?: Record<string, string>): Promise<Answer> {
    return this.request('GET', path, undefined, headers);
  }

  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> {
    return this.request('POST', path, body, headers);
  }

  put(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> {
    return this.request('PUT', path, body, headers);
  }

  patch(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> {
    return this.request('PATCH', path, body, headers);
  }

  delete(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> {
    return this.request('DELETE', path, body, headers);
  }

  /** A string, bytes or a form are sent as they are, anything else as JSON. */
  async request(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const raw = typeof body === 'string' || body instanceof Uint8Array || body instanceof FormData;
    const answer = await fetch(new URL(path, this.target.url), {
      method,
      body: raw ? (body as RequestInit['body']) : body === undefined ? undefined : JSON.stringify(body),
      headers: {
        ...(body === undefined || raw ? {} : { 'content-type': 'application/json' }),
        ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }),
        ...headers,
      },
    });
    const text = await answer.text();
    const json = /[/+]json\b/.test(answer.headers.get('content-type') ?? '') && text !== '';
    return { status: answer.status, headers: answer.headers, body: json ? JSON.parse(text) : text };
  }
}

/** A client that has not signed in yet. */
export function api(target: Target): Api {
  return new Api(target);
}
