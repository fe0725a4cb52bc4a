/** A series is the runs of one instance with one content, which is what `is_outdated` is about: between which ids these lie. */
export interface Reach {
  readonly id: number;
  readonly first: number;
  /** Runs ahead of the last run. */
  readonly last: number;
}
