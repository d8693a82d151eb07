/** "a, b and 3 more"; "nothing" for none. */
export function inWords(names: readonly string[], most = 4): string {
  if (names.length === 0) return 'nothing';
  if (names.length === 1) return names.join('');
  if (names.length <= most) return `${names.slice(0, -1).join(', ')} and ${names.slice(-1).join('')}`;
  return `${names.slice(0, most - 1).join(', ')} and ${names.length - most + 1} more`;
}
