import { element, leaf, type TreeNode } from '#libs/triggers/index';
import { fullFacts } from '../../facts/full-facts.js';
import { readTextOr } from '../../platform/files.js';

/** `/system`: the machine. */
export async function system(): Promise<TreeNode> {
  const facts = await fullFacts();
  const cpu = element('cpu', {}, [
    leaf('brand', facts.cpu_brand),
    leaf('type', facts.cpu_type),
    leaf('physical_cores', facts.cpu_physical_cores),
    leaf('logical_cores', facts.cpu_logical_cores),
  ]);
  return element('system', {}, [
    leaf('hostname', facts.hostname),
    leaf('boot_id', readTextOr('/proc/sys/kernel/random/boot_id')),
    leaf('uptime_seconds', Math.floor(facts.uptime_seconds), { moves: true }),
    leaf('memory', facts.memory),
    leaf('hardware_vendor', facts.hardware_vendor),
    leaf('hardware_model', facts.hardware_model),
    leaf('hardware_version', facts.hardware_version),
    leaf('hardware_serial', facts.hardware_serial),
    cpu,
  ]);
}

/** `/os`: what runs on it. */
export async function os(): Promise<TreeNode> {
  const facts = await fullFacts();
  return element('os', {}, [
    leaf('name', facts.platform),
    leaf('version', facts.os_version),
    leaf('like', facts.platform_like),
    leaf('code_name', facts.code_name),
    leaf('build', facts.build),
    leaf('kernel', facts.kernel_version),
    leaf('arch', facts.arch),
  ]);
}
