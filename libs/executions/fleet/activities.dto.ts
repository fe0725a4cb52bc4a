import { type ListMetaDto } from './host-scripts.dto.js';

/** Who did it; absent where nobody is known. */
export class ActorDto {
  actor_id?: number;
  actor_full_name?: string;
  actor_email?: string;
  actor_gravatar?: string;
  /** The server did it by itself. */
  fleet_initiated!: boolean;
}

export class UpcomingDetailsDto {
  host_id!: number;
  host_display_name!: string;
  /** Empty: the contents came with the request. */
  script_name!: string;
  script_execution_id!: string;
  /** Nobody waits for the result. */
  async!: boolean;
  policy_id!: number | null;
  policy_name!: string | null;
}

export class UpcomingActivityDto extends ActorDto {
  created_at!: string;
  /** The execution id, for DELETE and for the result. */
  uuid!: string;
  /** @example ran_script */
  type!: string;
  details!: UpcomingDetailsDto;
}

export class UpcomingActivityListDto {
  /** What is under way first, then what waits, in its order. */
  activities!: UpcomingActivityDto[];
  meta!: ListMetaDto;
  /** All of them, on whatever page. */
  count!: number;
}

export class ActivityDto extends ActorDto {
  id!: number;
  created_at!: string;
  /** @example ran_script */
  type!: string;
  /** What it was about; the keys depend on the type. */
  details!: Record<string, unknown>;
  /** How it came out. */
  outcome!: 'done' | 'denied' | 'failed';
}

export class ActivityListDto {
  /** Newest first. */
  activities!: ActivityDto[];
  meta!: ListMetaDto;
}

export class RecordedActivityDto extends ActivityDto {
  /** Network address of the caller; null: not by a request. */
  address!: string | null;
}

export class RecordedActivityListDto {
  activities!: RecordedActivityDto[];
  meta!: ListMetaDto;
}
