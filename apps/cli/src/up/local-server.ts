import { X509Certificate } from 'node:crypto';
import { createServer, isIP } from 'node:net';
import { hostname } from 'node:os';
import { serverUrl, type Settings } from '#libs/platform/config/index';
import { CliError } from '../errors.js';

type Address = Pick<Settings, 'host' | 'port' | 'tls'>;

/**
 * Makes sure that the server will be able to listen: better one line now than a stack in a log file.
 * @returns the port; a free one where 0 was asked for
 */
export function claimPort({ host, port }: Pick<Settings, 'host' | 'port'>): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) =>
      reject(new CliError(explain(error.code ?? 'error', host, port))),
    );
    probe.listen(port, host, () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : port));
    });
  });
}

function explain(code: string, host: string, port: number): string {
  switch (code) {
    case 'EADDRINUSE':
      return `port ${port} on ${host} is already in use: is Muster running already? MUSTER_PORT sets another`;
    case 'EACCES':
      return `this user may not listen on port ${port}: MUSTER_PORT sets another`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${host} is no address of this machine: MUSTER_HOST sets another`;
    default:
      return `cannot listen on ${host} port ${port} (${code})`;
  }
}

/**
 * The address for people and for this machine's own agent. With TLS: under the first name of this machine that the
 * certificate is for, so that the certificate can be verified as usual.
 */
export function localUrl(address: Address): string {
  const plain = serverUrl(address);
  if (!address.tls) return plain;
  const certificate = new X509Certificate(address.tls.cert);
  const names = [new URL(plain).hostname.replace(/^\[|\]$/g, ''), '127.0.0.1', 'localhost', hostname()];
  const name = names.find(
    (each) => (isIP(each) ? certificate.checkIP(each) : certificate.checkHost(each)) !== undefined,
  );
  return name === undefined ? plain : serverUrl({ ...address, host: name });
}
