import { type Row, type Table } from '../engine/table.js';
import { askDocker, DOCKER_SOCKET } from './docker.js';
import { type Warn } from './files.js';

/** Images that Docker has here. */
export function* imageRows(socket: string, scan: Warn): Generator<Row> {
  const [answer] = askDocker(socket, ['/images/json'], scan);
  for (const image of answer?.items ?? [])
    yield {
      id: image.get('Id').id,
      created: image.get('Created').number,
      size_bytes: image.get('Size').number,
      tags: image
        .get('RepoTags')
        .items.map((tag) => tag.text)
        .join(','),
    };
}

export const dockerImages: Table = {
  name: 'docker_images',
  platforms: ['linux', 'darwin'],
  rows: (scan) => imageRows(DOCKER_SOCKET, scan),
};
