import { type Table } from './engine/table.js';
import { aptSources } from './linux/apt-sources.js';
import { arpCache } from './linux/arp-cache.js';
import { authorizedKeys } from './linux/authorized-keys.js';
import { certificates } from './linux/certificates.js';
import { crontab } from './linux/crontab.js';
import { debPackageFiles } from './linux/deb-package-files.js';
import { debPackages } from './linux/deb-packages.js';
import { dockerContainers } from './linux/docker-containers.js';
import { dockerImages } from './linux/docker-images.js';
import { dockerNetworks } from './linux/docker-networks.js';
import { dockerVersion } from './linux/docker-version.js';
import { dockerVolumes } from './linux/docker-volumes.js';
import { etcHosts } from './linux/etc-hosts.js';
import { etcProtocols } from './linux/etc-protocols.js';
import { etcServices } from './linux/etc-services.js';
import { file } from './linux/file.js';
import { groups } from './linux/groups.js';
import { hash } from './linux/hash.js';
import { interfaceAddresses, interfaceDetails, interfaceIpv6 } from './linux/interfaces.js';
import { knownHosts } from './linux/known-hosts.js';
import { last } from './linux/last.js';
import { loggedInUsers } from './linux/logged-in-users.js';
import { npmPackages } from './linux/npm-packages.js';
import { processEnvs } from './linux/process-envs.js';
import { processMemoryMap } from './linux/process-memory-map.js';
import { processNamespaces } from './linux/process-namespaces.js';
import { processOpenFiles } from './linux/process-open-files.js';
import { processOpenPipes } from './linux/process-open-pipes.js';
import { listeningPorts, processOpenSockets } from './linux/process-open-sockets.js';
import { processes } from './linux/processes.js';
import { pythonPackages } from './linux/python-packages.js';
import { routes } from './linux/routes.js';
import { rpmPackages } from './linux/rpm-packages.js';
import { shadow } from './linux/shadow.js';
import { shellHistory } from './linux/shell-history.js';
import { sshConfigs } from './linux/ssh-configs.js';
import { startupItems } from './linux/startup-items.js';
import { sudoers } from './linux/sudoers.js';
import { suidBin } from './linux/suid-bin.js';
import { systemdUnits } from './linux/systemd-units.js';
import { userGroups } from './linux/user-groups.js';
import { userSshKeys } from './linux/user-ssh-keys.js';
import { users } from './linux/users.js';
import { yumSources } from './linux/yum-sources.js';

/** Every table that is served somewhere, in the order of their names. */
export const TABLES: readonly Table[] = [
  aptSources,
  arpCache,
  authorizedKeys,
  certificates,
  crontab,
  debPackageFiles,
  debPackages,
  dockerContainers,
  dockerImages,
  dockerNetworks,
  dockerVersion,
  dockerVolumes,
  etcHosts,
  etcProtocols,
  etcServices,
  file,
  groups,
  hash,
  interfaceAddresses,
  interfaceDetails,
  interfaceIpv6,
  knownHosts,
  last,
  listeningPorts,
  loggedInUsers,
  npmPackages,
  processEnvs,
  processMemoryMap,
  processNamespaces,
  processOpenFiles,
  processOpenPipes,
  processOpenSockets,
  processes,
  pythonPackages,
  routes,
  rpmPackages,
  shadow,
  shellHistory,
  sshConfigs,
  startupItems,
  sudoers,
  suidBin,
  systemdUnits,
  userSshKeys,
  userGroups,
  users,
  yumSources,
];
