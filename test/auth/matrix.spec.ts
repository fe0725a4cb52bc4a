import { type Act, ACTS, type Role } from '#libs/platform/auth/index';

/**
 * The matrix of Fleet's contract (`reference/fleet.md`, 2.5), written down a second time and in its own form, so that a slip
 * in the table of rights shows. Columns: global admin, maintainer, observer, observer_plus, gitops; then the same on the
 * object's own team; then, where team roles reach what belongs to no team, the same for such an object. `x` allowed, `.` refused,
 * `*` allowed with the role on any team.
 */
const MATRIX: Readonly<Partial<Record<Act, string>>> = {
  'self:use': 'xxxxx *****',
  'config:read': 'xxxxx *****',
  'config:write': 'x...x .....',
  'session:manage': 'x.... .....',
  'script:write': 'xx..x xx..x',
  'script:read': 'xxxx. xxxx.',
  'script:execute': 'xx... xx...',
  'script_result:read': 'xxxx. xxxx.',
  'activity:read': 'xxxx. xxxx.',
  'activity:cancel': 'xx... xx...',
  'audit:read': 'xxxx. .....',
  'audit:verify': 'x.... .....',
  'host:list': 'xxxx. xxxx.',
  'host:identify': 'xxxxx xxxxx',
  'host:transfer': 'xx... xx...',
  'host:delete': 'xx... xx...',
  'host:reenroll': 'xx... xx...',
  'team:create': 'x...x .....',
  'team:write': 'x...x x...x',
  'label:read': 'xxxxx *****',
  'label:write': 'xx..x **...',
  'query:read': 'xxxxx xxxxx ****.',
  'query:write': 'xx..x xx..x',
  'pack:read': 'xx..x .....',
  'pack:write': 'xx..x .....',
  'policy:read': 'xxxxx xxxxx *****',
  'policy:write': 'xx..x xx..x',
  'enroll_secret:read': 'xx... .....',
  'enroll_secret:write': 'xx..x .....',
  'user:manage': 'x.... x....',
  'user:roles': 'x.... .....',
  // Outside Fleet's routes: the interface document's table.
  'execution:read': 'xxxx. xxxx.',
  'execution:cancel': 'xx... xx...',
  'command:execute': 'xx... xx...',
  'shell:execute': 'xx... xx...',
  'job:read': 'xxxx. xxxx.',
  'job:write': 'xx... xx...',
  'agent:read': 'xxxx. xxxx.',
  'agent:drain': 'x.... x....',
  'connection:read': 'xx... xx...',
  'connection:write': 'x.... x....',
  'session:execute': 'xx... xx...',
  'session:read': 'xxxx. xxxx.',
  'session:kill': 'xx... xx...',
  'review:decide': 'xxxxx *****',
  'review:read': 'xxxxx *****',
  'approval_policy:read': 'xxxx. xxxx. ****.',
  'approval_policy:write': 'x.... x....',
};
const COLUMNS: readonly Role[] = ['admin', 'maintainer', 'observer', 'observer_plus', 'gitops'];

it.each(Object.entries(MATRIX) as [Act, string][])('%s: %s', (act, row) => {
  const rule: { global: readonly Role[]; team: readonly Role[]; anyTeam?: true; noTeam?: readonly Role[] } =
    ACTS[act];
  const global = COLUMNS.map((role) => (rule.global.includes(role) ? 'x' : '.')).join('');
  const mark = rule.anyTeam ? '*' : 'x';
  const team = COLUMNS.map((role) => (rule.team.includes(role) ? mark : '.')).join('');
  const { noTeam } = rule;
  const none = noTeam ? ` ${COLUMNS.map((role) => (noTeam.includes(role) ? '*' : '.')).join('')}` : '';
  expect(`${global} ${team}${none}`).toBe(row);
});
