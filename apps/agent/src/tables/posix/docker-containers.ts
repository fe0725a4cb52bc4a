import * as fs from 'node:fs';
import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { askDocker, DOCKER_SOCKET, type Json } from './docker.js';

const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'] as const;
/** What is not in the list of containers: asked for each of them. */
const DETAILS = [
  'pid',
  'path',
  'config_entrypoint',
  'started_at',
  'finished_at',
  'privileged',
  'security_options',
  'env_variables',
  'readonly_rootfs',
  ...NAMESPACES.map((name) => `${name}_namespace`),
];
/** Asked about together. */
const AT_ONCE = 50;

/** Containers, running or not. */
export function* containerRows(socket: string, scan: ScanContext): Generator<Row> {
  const [answer] = askDocker(socket, ['/containers/json?all=1'], scan);
  const ids = scan.equals('id');
  const names = scan.equals('name');
  const wanted = (answer?.items ?? []).filter((container) => {
    const byId = !ids || ids.includes(container.get('Id').id);
    return byId && (!names || names.includes(nameOf(container)));
  });
  const detailed = DETAILS.some((column) => scan.uses(column));
  for (let at = 0; at < wanted.length; at += AT_ONCE) {
    const some = wanted.slice(at, at + AT_ONCE);
    const paths = some.map((container) => `/containers/${encodeURIComponent(container.get('Id').id)}/json`);
    const details = detailed ? askDocker(socket, paths, scan) : [];
    for (const [i, container] of some.entries())
      yield { ...listed(container), ...(details[i]?.exists ? described(details[i], scan) : {}) };
  }
}

function nameOf(container: Json): string {
  return container.get('Names').items[0]?.text ?? '';
}

function listed(container: Json): Row {
  return {
    id: container.get('Id').id,
    name: nameOf(container),
    image: container.get('Image').text,
    image_id: container.get('ImageID').id,
    command: container.get('Command').text,
    created: container.get('Created').number,
    state: container.get('State').text,
    status: container.get('Status').text,
  };
}

function described(container: Json, scan: ScanContext): Row {
  const state = container.get('State');
  const host = container.get('HostConfig');
  const pid = Number(state.get('Pid').number);
  const namespaces = NAMESPACES.map((name) => `${name}_namespace`).some((column) => scan.uses(column));
  return {
    pid,
    path: container.get('Path').text,
    config_entrypoint: container.get('Config', 'Entrypoint').list,
    started_at: state.get('StartedAt').text,
    finished_at: state.get('FinishedAt').text,
    privileged: host.get('Privileged').flag,
    security_options: host.get('SecurityOpt').list,
    env_variables: container.get('Config', 'Env').list,
    readonly_rootfs: host.get('ReadonlyRootfs').flag,
    ...(namespaces && pid > 0 ? namespacesOf(pid) : {}),
  };
}

/** The inodes of a process's namespaces; none when it has gone or may not be looked at. */
function namespacesOf(pid: number): Row {
  return Object.fromEntries(
    NAMESPACES.flatMap((name) => {
      try {
        const inode = /\[(\d+)\]/.exec(fs.readlinkSync(`/proc/${pid}/ns/${name}`))?.[1];
        return inode === undefined ? [] : [[`${name}_namespace`, inode] as const];
      } catch {
        return [];
      }
    }),
  );
}

export const dockerContainers: Table = {
  name: 'docker_containers',
  platforms: ['linux', 'darwin'],
  rows: (scan) => containerRows(DOCKER_SOCKET, scan),
};
