import { type Row, type Table } from '../engine/table.js';
import { askDocker, DOCKER_SOCKET } from './docker.js';
import { type Warn } from './files.js';

/** Networks between containers; of several subnets the first. */
export function* networkRows(socket: string, scan: Warn): Generator<Row> {
  const [answer] = askDocker(socket, ['/networks'], scan);
  for (const network of answer?.items ?? []) {
    const [subnet] = network.get('IPAM', 'Config').items;
    yield {
      id: network.get('Id').id,
      name: network.get('Name').text,
      driver: network.get('Driver').text,
      created: Math.floor(Date.parse(network.get('Created').text) / 1000) || 0,
      enable_ipv6: network.get('EnableIPv6').flag,
      subnet: subnet?.get('Subnet').text ?? '',
      gateway: subnet?.get('Gateway').text ?? '',
    };
  }
}

export const dockerNetworks: Table = {
  name: 'docker_networks',
  platforms: ['linux', 'darwin'],
  rows: (scan) => networkRows(DOCKER_SOCKET, scan),
};
