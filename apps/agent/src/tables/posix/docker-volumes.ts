import { type Row, type Table } from '../engine/table.js';
import { askDocker, DOCKER_SOCKET } from './docker.js';
import { type Warn } from './files.js';

/** Volumes of containers. */
export function* volumeRows(socket: string, scan: Warn): Generator<Row> {
  const [answer] = askDocker(socket, ['/volumes'], scan);
  for (const volume of answer?.get('Volumes').items ?? [])
    yield {
      name: volume.get('Name').text,
      driver: volume.get('Driver').text,
      mount_point: volume.get('Mountpoint').text,
      type: volume.get('Options', 'type').text,
    };
}

export const dockerVolumes: Table = {
  name: 'docker_volumes',
  platforms: ['linux', 'darwin'],
  rows: (scan) => volumeRows(DOCKER_SOCKET, scan),
};
