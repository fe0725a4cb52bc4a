import { type TargetRow } from '../executions.repository.js';

/** A target as it is read from the ledger, for specs. */
export const targetRow = (fields: Partial<TargetRow>): TargetRow => ({
  id: '1',
  uuid: '',
  execution_id: '1',
  host_id: 1,
  host_uuid: '',
  hostname: 'web-1',
  team_id: null,
  state: 'finished',
  reason: null,
  message: '',
  stop_reason: null,
  stop_by: null,
  exit_code: null,
  signal: null,
  created_at: new Date(0),
  dispatched_at: null,
  started_at: null,
  finished_at: null,
  duration_ms: null,
  stdout_bytes: '0',
  stderr_bytes: '0',
  dropped_bytes: '0',
  masked: null,
  ...fields,
});
