/** Whether there is more in either direction. */
export class ListMetaDto {
  has_next_results!: boolean;
  has_previous_results!: boolean;
}

export class LastExecutionDto {
  execution_id!: string;
  /** When it started; when it was asked for, where it has not. */
  executed_at!: string;
  /** ran: exit code 0. error: any other end. */
  status!: 'pending' | 'ran' | 'error';
}

export class HostScriptDto {
  script_id!: number;
  name!: string;
  /** null: never run on this host. */
  last_execution!: LastExecutionDto | null;
}

export class HostScriptListDto {
  scripts!: HostScriptDto[];
  meta!: ListMetaDto;
}
