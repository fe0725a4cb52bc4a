import { type AgentLogger } from '../../platform/logger.js';
import { FactsTree } from './facts-tree.js';
import { Tables } from './rows.js';
import { factsSources } from './sources.js';

/**
 * The tree of this host's facts, and what has to be closed with it.
 * @param denied tables that nobody reads, in lower case; null: none is read
 */
export function openFacts(
  customDirectory: string,
  log: AgentLogger | null,
  denied: () => readonly string[] | null = () => [],
): { tree: FactsTree; tables: Tables } {
  const tables = new Tables(denied);
  return { tree: new FactsTree(factsSources(tables, customDirectory), log), tables };
}
