/** A pattern of IAM: `*` stands for any text, `?` for one character. */
export interface GlobPattern {
  matches(text: string): boolean;
  /** Whether it fits some text that begins with `prefix`. */
  fitsSomeAfter(prefix: string): boolean;
  /** Whether it fits every text that begins with `prefix`. False may be said of a pattern that does in a roundabout way. */
  fitsAllAfter(prefix: string): boolean;
}

/**
 * Matches in time of pattern times text: no text makes it slow, as it would a regular expression with several `*`. A character
 * is a code unit of UTF-16 but for `?`, which a surrogate pair needs twice.
 */
export function globPattern(pattern: string): GlobPattern {
  const tokens = pattern.replace(/\*+/g, '*');
  return {
    matches: (text) => matches(tokens, text),
    fitsSomeAfter: (prefix) => reached(tokens, prefix).includes(true),
    fitsAllAfter: (prefix) => tokens.endsWith('*') && reached(tokens, prefix)[tokens.length - 1] === true,
  };
}

/** Greedy: only the last `*` that was met ever takes more, so no step is undone twice. */
function matches(tokens: string, text: string): boolean {
  let place = 0;
  let index = 0;
  let star = -1;
  let from = 0;
  while (index < text.length) {
    const token = tokens[place];
    if (token === '*') {
      if (place === tokens.length - 1) return true;
      star = place;
      place += 1;
      from = index;
    } else if (token !== undefined && (token === '?' || token === text[index])) {
      place += 1;
      index += 1;
    } else if (star >= 0) {
      place = star + 1;
      from += 1;
      index = from;
    } else {
      return false;
    }
  }
  while (tokens[place] === '*') place += 1;
  return place === tokens.length;
}

/** Which places in the pattern the text may end at. */
function reached(tokens: string, text: string): boolean[] {
  let places = skipStars(tokens, [true]);
  for (let index = 0; index < text.length; index += 1) {
    const next: boolean[] = [];
    for (let place = 0; place < tokens.length; place += 1) {
      if (places[place] !== true) continue;
      const token = tokens[place];
      if (token === '*') next[place] = true;
      else if (token === '?' || token === text[index]) next[place + 1] = true;
    }
    // Most patterns begin with what the text does not.
    if (!next.includes(true)) return [];
    places = skipStars(tokens, next);
  }
  return places;
}

/** A `*` may stand for nothing. */
function skipStars(tokens: string, places: boolean[]): boolean[] {
  for (let place = 0; place < tokens.length; place += 1) {
    if (places[place] === true && tokens[place] === '*') places[place + 1] = true;
  }
  return places;
}
