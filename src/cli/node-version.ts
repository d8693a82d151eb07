/** As in `engines` of package.json. Imports nothing: it has to load wherever ES modules do. */
const NEEDED = [22, 13] as const;

/** What is wrong with this version of Node (`20.20.2`), or null. */
export function nodeProblem(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) return null;
  return `needs Node ${NEEDED.join('.')} or newer; this is ${version}`;
}
