import { stringify } from 'yaml';
import { type Fields } from './document.js';

/** What `muster get` prints and `muster apply` takes. */
export interface PrintedDocument {
  readonly kind: string;
  readonly spec: Fields;
}

/** Keys in alphabetical order after a `---` line, as fleetctl prints them: files that differ in nothing else are the same. */
export function toYaml({ kind, spec }: PrintedDocument): string {
  const text = stringify(
    { apiVersion: 'v1', kind, spec },
    {
      sortMapEntries: true,
      aliasDuplicateObjects: false,
      lineWidth: 0,
      // Readers of YAML 1.1, fleetctl among them, take `on` and `no` for true and false.
      compat: 'yaml-1.1',
    },
  );
  return `---\n${text}`;
}

/** One line. */
export function toJson({ kind, spec }: PrintedDocument): string {
  return `${JSON.stringify({ kind, apiVersion: 'v1', spec })}\n`;
}
