// Reads Prometheus's text format, strictly: https://prometheus.io/docs/instrumenting/exposition_formats/
const SAMPLE =
  /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? ([Nn]a[Nn]|[+-]?Inf|[-+.\de]+)$/;

export interface MetricFamily {
  readonly type: string;
  readonly help: string;
  /** By name and labels as written, such as `a_total{b="c"}`. */
  readonly samples: Map<string, number>;
}

/** Throws for a line that is none of the format's. */
export function parsePrometheus(text: string): Map<string, MetricFamily> {
  const families = new Map<string, MetricFamily>();
  const helps = new Map<string, string>();
  let current: [string, MetricFamily] | null = null;
  for (const line of text.split('\n')) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') helps.set(name, rest);
    else if (keyword === 'TYPE') {
      if (families.has(name)) throw new Error(`${name} comes twice`);
      current = [name, { type: rest, help: helps.get(name) ?? '', samples: new Map() }];
      families.set(...current);
    } else if (line !== '') {
      const [, sample = '', labels = '', value = ''] = SAMPLE.exec(line) ?? [];
      if (current === null || !sample.startsWith(current[0])) throw new Error(`no sample: ${line}`);
      const key = labels === '' ? sample : `${sample}{${labels}}`;
      if (current[1].samples.has(key)) throw new Error(`${key} comes twice`);
      current[1].samples.set(key, Number(value.replace('Inf', 'Infinity')));
    }
  }
  return families;
}

/** All samples that are not zero, of names that begin with `prefix`. */
export function samplesOf(text: string, prefix = 'latticeport_'): Record<string, number> {
  const all = [...parsePrometheus(text).values()].flatMap(({ samples }) => [...samples]);
  return Object.fromEntries(all.filter(([name, value]) => name.startsWith(prefix) && value !== 0));
}
