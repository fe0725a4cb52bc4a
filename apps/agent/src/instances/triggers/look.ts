/** What a look at a trigger comes to: nothing, something that has to be looked at again later, or that it fires. */
export type Look =
  | { readonly kind: 'rest' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'fires'; /** What it fires for: known from then on. */ readonly seen: string };

export const REST: Look = { kind: 'rest' };
