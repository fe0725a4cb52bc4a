import { type Answer } from '#libs/protocol/index';

/** The host that an answer comes from. */
export interface AnsweringHost {
  readonly id: number;
  readonly hostname: string;
}

/**
 * The data of a `result` event as JSON text (`reference/fleet.md`, 7.4). Each row also names its host. `error` is there only
 * when there is one. Muster's own: `partial` on all but the last part of a large answer, `outcome` on the last.
 */
export function renderResult(host: AnsweringHost, answer: Answer): string {
  const name = JSON.stringify(host.hostname);
  const { ending } = answer;
  return [
    `{"distributed_query_execution_id":${answer.campaign_id}`,
    `"host":{"id":${host.id},"hostname":${name},"display_name":${name}}`,
    `"rows":[${renderRows(answer, name)}]`,
    `"stats":${JSON.stringify(ending?.stats ?? null)}`,
    ending ? `"outcome":"${ending.outcome}"` : '"partial":true',
    ...(ending && ending.error !== null ? [`"error":${JSON.stringify(ending.error)}`] : []),
  ]
    .join(',')
    .concat('}');
}

/** Built as text: ten thousand hosts answer at once, and every one of their rows passes here. */
function renderRows({ columns, rows }: Answer, hostname: string): string {
  const keys = columns.map((column) => `${JSON.stringify(column)}:`);
  const tail = `"host_hostname":${hostname},"host_display_name":${hostname}}`;
  return rows
    .map((row) => {
      let text = '{';
      for (const [i, key] of keys.entries()) text += `${key}${JSON.stringify(row[i] ?? '')},`;
      return text + tail;
    })
    .join(',');
}
