import { createServer as createHttpServer, type RequestListener, type Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { WebSocketServer } from 'ws';
import { selfSigned } from '../../testing/self-signed.js';
import { HttpClient, type HttpClientOptions } from './http-client.js';
import { socketMessages } from './socket-messages.js';

const identity = selfSigned('127.0.0.1', 'muster.test');

describe('HttpClient', () => {
  const closers: (() => void)[] = [];
  let asked: string[];

  beforeEach(() => {
    asked = [];
  });
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });

  async function listen(server: TcpServer): Promise<number> {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => server.close());
    return (server.address() as AddressInfo).port;
  }

  const answerOk: RequestListener = (request, response) => {
    asked.push(request.url ?? '');
    response.end('{"ok":true}');
  };

  async function serve(
    secure: boolean,
    listener: RequestListener = answerOk,
    from = identity,
  ): Promise<string> {
    return serveWith(secure ? createHttpsServer(from, listener) : createHttpServer(listener));
  }

  async function serveWith(server: HttpServer): Promise<string> {
    closers.push(() => server.closeAllConnections());
    return `${server instanceof HttpsServer ? 'https' : 'http'}://127.0.0.1:${await listen(server)}`;
  }

  function client(options: HttpClientOptions): HttpClient {
    const made = new HttpClient(options);
    closers.push(() => made.close());
    return made;
  }

  const get = (options: HttpClientOptions): Promise<unknown> => client(options).json('GET', '/x');

  it('keeps the path of an address, and one connection', async () => {
    const sockets = new Set<unknown>();
    const url = await serve(false, (request, response) => {
      sockets.add(request.socket);
      answerOk(request, response);
    });
    const made = client({ url: `${url}/below/` });
    await made.json('GET', '/x', { query: { a: '1 2', b: undefined } });
    await made.json('GET', '/y');
    expect(asked).toEqual(['/below/x?a=1+2', '/below/y']);
    expect(sockets.size).toBe(1);
  });

  it('trusts no stranger, and says what to do', async () => {
    await expect(get({ url: await serve(true) })).rejects.toThrow('give its authority with --ca FILE');
    expect(asked).toEqual([]);
  });

  it('trusts the authority it is given', async () => {
    await expect(get({ url: await serve(true), tls: { ca: identity.cert } })).resolves.toEqual({ ok: true });
  });

  it('does not take a certificate of another name', async () => {
    const other = selfSigned('elsewhere.test');
    const url = await serve(true, answerOk, other);
    await expect(get({ url, tls: { ca: other.cert } })).rejects.toThrow('is for another name than 127.0.0.1');
  });

  it('trusts anyone when told so', async () => {
    await expect(get({ url: await serve(true), tls: { insecure: true } })).resolves.toEqual({ ok: true });
  });

  it('accepts the pinned certificate under any name, and sends nothing to another', async () => {
    const other = selfSigned('elsewhere.test');
    const right = await serve(true, answerOk, other);
    await expect(get({ url: right, tls: { pinned: other.cert } })).resolves.toEqual({ ok: true });
    const wrong = await serve(true);
    await expect(get({ url: wrong, tls: { pinned: other.cert } })).rejects.toThrow('another certificate');
    expect(asked).toHaveLength(1);
  });

  it('opens WebSockets with the same trust', async () => {
    const other = selfSigned('elsewhere.test');
    const serveLive = async (from: typeof identity): Promise<string> => {
      const server = createHttpsServer(from);
      const sockets = new WebSocketServer({ server, path: '/below/live' });
      sockets.on('connection', (socket) => {
        socket.send('hello');
        socket.close(1000);
      });
      return serveWith(server);
    };
    const right = await serveLive(identity);
    const strange = await serveLive(other);
    const hear = async (options: HttpClientOptions): Promise<string[]> => {
      const heard: string[] = [];
      const socket = await client({ ...options, url: `${options.url}/below` }).webSocket('/live');
      for await (const text of socketMessages(socket, { greeting: [] })) heard.push(text);
      return heard;
    };
    await expect(hear({ url: right, tls: { ca: identity.cert } })).resolves.toEqual(['hello']);
    await expect(hear({ url: strange, tls: { insecure: true } })).resolves.toEqual(['hello']);
    await expect(hear({ url: strange, tls: { pinned: other.cert } })).resolves.toEqual(['hello']);
    await expect(hear({ url: right })).rejects.toThrow('self-signed');
    await expect(hear({ url: strange, tls: { ca: other.cert } })).rejects.toThrow('altnames');
    await expect(hear({ url: right, tls: { pinned: other.cert } })).rejects.toThrow('another certificate');
  });

  it('says when the scheme is the wrong one', async () => {
    const plain = await serve(false);
    await expect(get({ url: plain.replace('http:', 'https:') })).rejects.toThrow('is it an http:// address?');
    const secure = await serve(true);
    await expect(get({ url: secure.replace('https:', 'http:') })).rejects.toThrow(
      'is it an https:// address?',
    );
  });

  it('gives up on a server that accepts and says nothing', async () => {
    const silent = createTcpServer((socket) => closers.push(() => socket.destroy()));
    const url = `http://127.0.0.1:${await listen(silent)}`;
    await expect(get({ url, timeoutMs: 100 })).rejects.toThrow('did not answer within 0.1 s');
  });

  it('points to where a redirect leads', async () => {
    const url = await serve(false, (_request, response) =>
      response.writeHead(308, { location: 'https://m.test/' }).end(),
    );
    await expect(get({ url })).rejects.toThrow('sends on to https://m.test/');
  });

  it('notices an answer that breaks off', async () => {
    const url = await serve(false, (_request, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('{', () => response.destroy());
    });
    await expect(get({ url })).rejects.toThrow('hung up');
  });
});
