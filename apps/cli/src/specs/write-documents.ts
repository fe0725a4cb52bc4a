import { Document, visit } from 'yaml';
import { type Fields } from './document.js';

/** What `muster get` prints and `muster apply` takes. */
export interface PrintedDocument {
  readonly kind: string;
  readonly spec: Fields;
}

/** The library writes such a text as a block, and no block can hold it: readers drop the blanks of its first line. */
const OPENS_BLANK = /^\n*[ \t]+\n/;

/** Keys in alphabetical order after a `---` line, as fleetctl prints them: files that differ in nothing else are the same. */
export function toYaml({ kind, spec }: PrintedDocument): string {
  const document = new Document(
    { apiVersion: 'v1', kind, spec },
    {
      sortMapEntries: true,
      aliasDuplicateObjects: false,
      // Readers of YAML 1.1, fleetctl among them, take `on` and `no` for true and false.
      compat: 'yaml-1.1',
    },
  );
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === 'string' && OPENS_BLANK.test(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  return `---\n${document.toString({ lineWidth: 0 })}`;
}

/** One line. */
export function toJson({ kind, spec }: PrintedDocument): string {
  return `${JSON.stringify({ kind, apiVersion: 'v1', spec })}\n`;
}
