import { type Table } from './engine/table.js';
import { apps } from './darwin/apps.js';
import { battery, darwinBlockDevices, darwinDiskEncryption, darwinUsbDevices } from './darwin/devices.js';
import { kernelExtensions, systemExtensions } from './darwin/extensions.js';
import { homebrewPackages } from './darwin/homebrew-packages.js';
import { launchd, launchdOverrides } from './darwin/launchd.js';
import { darwinCpuTime, darwinUlimitInfo } from './darwin/limits.js';
import { darwinLoggedInUsers } from './darwin/logged-in-users.js';
import { darwinMounts } from './darwin/mounts.js';
import { darwinArpCache, darwinInterfaceDetails, darwinRoutes } from './darwin/network.js';
import { packageBom, packageInstallHistory, packageReceipts } from './darwin/packages.js';
import {
  darwinListeningPorts,
  darwinProcessOpenFiles,
  darwinProcessOpenSockets,
} from './darwin/process-open-files.js';
import { darwinProcesses } from './darwin/processes.js';
import { alf, gatekeeper, sipConfig } from './darwin/security.js';
import {
  mdfind,
  nfsShares,
  nvram,
  plist,
  sharedFolders,
  systemProfiler,
  timeMachineBackups,
  timeMachineDestinations,
} from './darwin/settings.js';
import { darwinSystemControls } from './darwin/system-controls.js';
import {
  darwinCpuInfo,
  darwinKernelInfo,
  darwinPlatformInfo,
  darwinSystemInfo,
} from './darwin/system-info.js';
import { darwinInterfaceAddresses, darwinOsVersion } from './darwin/system.js';
import { darwinUserGroups } from './darwin/user-groups.js';
import { virtualMemoryInfo } from './darwin/virtual-memory-info.js';
import { acpiTables } from './linux/acpi-tables.js';
import { aptSources } from './linux/apt-sources.js';
import { arpCache } from './linux/arp-cache.js';
import { authorizedKeys } from './posix/authorized-keys.js';
import { blockDevices, diskEncryption } from './linux/block-devices.js';
import { certificates } from './posix/certificates.js';
import { loadAverage, time, uptime } from './posix/clock.js';
import { cpuInfo, cpuTime } from './linux/cpu.js';
import { crontab } from './posix/crontab.js';
import { debPackageFiles } from './linux/deb-package-files.js';
import { debPackages } from './linux/deb-packages.js';
import { devicePartitions } from './linux/device-partitions.js';
import { dnsResolvers } from './posix/dns-resolvers.js';
import { dockerContainers } from './posix/docker-containers.js';
import { dockerImages } from './posix/docker-images.js';
import { dockerNetworks } from './posix/docker-networks.js';
import { dockerVersion } from './posix/docker-version.js';
import { dockerVolumes } from './posix/docker-volumes.js';
import { etcHosts } from './posix/etc-hosts.js';
import { etcProtocols } from './posix/etc-protocols.js';
import { etcServices } from './posix/etc-services.js';
import { file } from './posix/file.js';
import { groups } from './posix/groups.js';
import { hash } from './posix/hash.js';
import { interfaceAddresses, interfaceDetails, interfaceIpv6 } from './linux/interfaces.js';
import { iptables } from './linux/iptables.js';
import { kernelInfo, kernelModules } from './linux/kernel.js';
import { knownHosts } from './posix/known-hosts.js';
import { last } from './linux/last.js';
import { loggedInUsers } from './linux/logged-in-users.js';
import { mdDevices, mdDrives, mdPersonalities } from './linux/md-devices.js';
import { memoryInfo, memoryMap } from './linux/memory.js';
import { mounts } from './linux/mounts.js';
import { npmPackages } from './posix/npm-packages.js';
import { osVersion } from './linux/os-version.js';
import { pciDevices } from './linux/pci-devices.js';
import { processEnvs } from './linux/process-envs.js';
import { processMemoryMap } from './linux/process-memory-map.js';
import { processNamespaces } from './linux/process-namespaces.js';
import { processOpenFiles } from './linux/process-open-files.js';
import { processOpenPipes } from './linux/process-open-pipes.js';
import { listeningPorts, processOpenSockets } from './linux/process-open-sockets.js';
import { processes } from './linux/processes.js';
import { pythonPackages } from './posix/python-packages.js';
import { routes } from './linux/routes.js';
import { rpmPackages } from './linux/rpm-packages.js';
import { secureboot } from './linux/secureboot.js';
import { shadow } from './linux/shadow.js';
import { sharedMemory } from './linux/shared-memory.js';
import { shellHistory } from './posix/shell-history.js';
import {
  memoryArrayMappedAddresses,
  memoryArrays,
  memoryDeviceMappedAddresses,
  memoryDevices,
  memoryErrorInfo,
  oemStrings,
} from './linux/smbios-memory.js';
import { platformInfo, smbiosTables } from './linux/smbios.js';
import { sshConfigs } from './posix/ssh-configs.js';
import { startupItems } from './linux/startup-items.js';
import { sudoers } from './posix/sudoers.js';
import { suidBin } from './posix/suid-bin.js';
import { systemControls } from './linux/system-controls.js';
import { systemInfo } from './linux/system-info.js';
import { systemdUnits } from './linux/systemd-units.js';
import { ulimitInfo } from './linux/ulimit-info.js';
import { usbDevices } from './linux/usb-devices.js';
import { userGroups } from './posix/user-groups.js';
import { userSshKeys } from './posix/user-ssh-keys.js';
import { users } from './posix/users.js';
import { yumSources } from './linux/yum-sources.js';
import { osqueryFlags, osqueryInfo, osqueryRegistry, osquerySchedule } from './own/osquery.js';

/** Every table that is served somewhere, in the order of their names. */
export const TABLES: readonly Table[] = [
  acpiTables,
  alf,
  apps,
  aptSources,
  arpCache,
  darwinArpCache,
  authorizedKeys,
  battery,
  blockDevices,
  darwinBlockDevices,
  certificates,
  cpuInfo,
  darwinCpuInfo,
  cpuTime,
  darwinCpuTime,
  crontab,
  debPackageFiles,
  debPackages,
  devicePartitions,
  diskEncryption,
  darwinDiskEncryption,
  dnsResolvers,
  dockerContainers,
  dockerImages,
  dockerNetworks,
  dockerVersion,
  dockerVolumes,
  etcHosts,
  etcProtocols,
  etcServices,
  file,
  gatekeeper,
  groups,
  hash,
  homebrewPackages,
  interfaceAddresses,
  darwinInterfaceAddresses,
  interfaceDetails,
  darwinInterfaceDetails,
  interfaceIpv6,
  iptables,
  kernelExtensions,
  kernelInfo,
  darwinKernelInfo,
  kernelModules,
  knownHosts,
  last,
  launchd,
  launchdOverrides,
  listeningPorts,
  darwinListeningPorts,
  loadAverage,
  loggedInUsers,
  darwinLoggedInUsers,
  mdDevices,
  mdDrives,
  mdPersonalities,
  mdfind,
  memoryArrayMappedAddresses,
  memoryArrays,
  memoryDeviceMappedAddresses,
  memoryDevices,
  memoryErrorInfo,
  memoryInfo,
  memoryMap,
  mounts,
  darwinMounts,
  nfsShares,
  npmPackages,
  nvram,
  oemStrings,
  osVersion,
  darwinOsVersion,
  osqueryFlags,
  osqueryInfo,
  osqueryRegistry(() => TABLES),
  osquerySchedule,
  packageBom,
  packageInstallHistory,
  packageReceipts,
  pciDevices,
  platformInfo,
  darwinPlatformInfo,
  plist,
  processEnvs,
  processMemoryMap,
  processNamespaces,
  processOpenFiles,
  darwinProcessOpenFiles,
  processOpenPipes,
  processOpenSockets,
  darwinProcessOpenSockets,
  processes,
  darwinProcesses,
  pythonPackages,
  routes,
  darwinRoutes,
  rpmPackages,
  secureboot,
  shadow,
  sharedFolders,
  sharedMemory,
  shellHistory,
  sipConfig,
  smbiosTables,
  sshConfigs,
  startupItems,
  sudoers,
  suidBin,
  systemControls,
  darwinSystemControls,
  systemExtensions,
  systemInfo,
  darwinSystemInfo,
  systemProfiler,
  systemdUnits,
  time,
  timeMachineBackups,
  timeMachineDestinations,
  ulimitInfo,
  darwinUlimitInfo,
  uptime,
  usbDevices,
  darwinUsbDevices,
  userGroups,
  darwinUserGroups,
  userSshKeys,
  users,
  virtualMemoryInfo,
  yumSources,
];
