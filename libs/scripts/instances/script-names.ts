const EXTENSION = /\.(sh|ps1)$/i;

/** A script's name without its extension, which is how people may call it. */
export function stemOf(scriptName: string): string {
  return scriptName.replace(EXTENSION, '');
}

/** The names that a script called so may have, in lower case: the name itself first. */
export function candidatesOf(name: string): string[] {
  const own = name.toLowerCase();
  return EXTENSION.test(name) ? [own] : [own, `${own}.sh`, `${own}.ps1`];
}

/** Of two scripts that only their extensions tell apart, what the other one is called, in lower case. */
export function twinOf(scriptName: string): string {
  const other = scriptName.toLowerCase().endsWith('.sh') ? '.ps1' : '.sh';
  return `${stemOf(scriptName).toLowerCase()}${other}`;
}

/** SQL, a condition: there is a script that only its extension tells apart from this one. */
export function hasTwin(teamId: string, scriptName: string): string {
  return `EXISTS (SELECT 1 FROM scripts twin WHERE coalesce(twin.team_id, 0) = coalesce(${teamId}, 0)
    AND lower(twin.name) = regexp_replace(lower(${scriptName}), '\\.(sh|ps1)$', '') || CASE WHEN lower(${scriptName}) LIKE '%.sh' THEN '.ps1' ELSE '.sh' END)`;
}

/** Of scripts that bear one of the names of `candidatesOf`, those that are meant: the one that is called exactly so; several only when it takes the ending to tell. */
export function meantBy<Named extends { readonly name: string }>(
  name: string,
  scripts: readonly Named[],
): readonly Named[] {
  const exact = scripts.filter((one) => one.name.toLowerCase() === name.toLowerCase());
  return exact.length > 0 ? exact : scripts;
}
