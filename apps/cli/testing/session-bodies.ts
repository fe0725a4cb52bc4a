export const SESSION = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';
export const REVIEW = '0b7c2a52-1f3e-4a5f-9d43-7f6f0c7f7c11';
export const DIGEST = 'ab'.repeat(32);

/** A session as the server tells it. */
export function sessionBody(fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: SESSION,
    script: { data: '' },
    script_size: 12,
    metadata: {},
    metrics: { data_masking: {}, event_size: 20 },
    event_size: 20,
    user: 'ann@example.com',
    connection: 'bash-prod',
    client_args: [],
    review: null,
    status: 'done',
    exit_code: 0,
    state: 'finished',
    reason: null,
    message: '',
    agent: 'web-1',
    start_date: '2026-01-02T03:04:05.678Z',
    end_date: '2026-01-02T03:04:06.000Z',
    execution_time: 322,
    output_removed_at: null,
    ...fields,
  };
}

/** A review as the server tells it. */
export function reviewBody(fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: REVIEW,
    session: SESSION,
    type: 'onetime',
    kind: 'exec_session',
    status: 'PENDING',
    digest: DIGEST,
    hosts: 1,
    created_at: '2026-01-02T03:04:05Z',
    expires_at: '2026-01-03T03:04:05Z',
    rejection_reason: null,
    time_window: null,
    review_owner: { id: '1', email: 'ann@example.com' },
    review_connection: { id: 'c', name: 'bash-prod' },
    review_groups_data: [
      { group: 'dba', status: 'PENDING', reviewed_by: null },
      { group: 'bob@example.com', status: 'APPROVED', reviewed_by: { email: 'bob@example.com' } },
    ],
    requirements: [
      { source: 'x', reviewers: ['dba', 'bob@example.com'], min_approvals: 2, approvals: 1, met: false },
    ],
    input: {
      text: 'drop table a;\n',
      truncated: false,
      arguments: ['-x'],
      env: { LANG: 'C' },
      hostnames: ['web-1'],
    },
    may_decide: true,
    ...fields,
  };
}
