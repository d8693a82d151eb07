import type { Metric } from '../scenarios/scenario.ts';
import type { CaseResult, ScenarioResult } from '../run-scenario.ts';

/** The report for people: a table for each scenario and metric, medians with the range and the ratio to ours. */
export function markdownReport(
  environment: Readonly<Record<string, string>>,
  rounds: number,
  results: readonly ScenarioResult[],
  charts: ReadonlyMap<string, string>,
): string {
  const lines = [
    '# Benchmark',
    '',
    `${rounds} rounds; the median, with the smallest and the largest in brackets, and the ratio to ours.`,
    '',
  ];
  for (const [name, value] of Object.entries(environment)) lines.push(`- ${name}: ${value}`);
  for (const result of results) {
    const { scenario, servers, failures } = result;
    lines.push('', `## ${scenario.title}`, '', scenario.method, '');
    lines.push(`Servers: ${servers.map(({ name, version }) => `${name} (${version ?? 'not installed'})`).join(', ')}.`);
    for (const metric of scenario.metrics) {
      lines.push('', ...table(result, metric));
      const chart = charts.get(`${scenario.name} ${metric.name}`);
      if (chart !== undefined) lines.push('', `![${scenario.title}: ${metric.name}](${chart})`);
    }
    if (failures.length > 0)
      lines.push('', 'Failed:', '', ...failures.map((failure) => `- ${failure.split('\n', 1)[0] ?? ''}`));
  }
  return `${lines.join('\n')}\n`;
}

function table({ scenario, servers, results }: ScenarioResult, metric: Metric): string[] {
  const present = servers.filter(({ name }) => results.some(({ server }) => server === name));
  const better = metric.better === 'higher' ? 'more is better' : 'less is better';
  const lines = [
    `| ${metric.name}, ${metric.unit} (${better}) | ${present.map(({ name }) => name).join(' | ')} |`,
    `|---|${present.map(() => '---:|').join('')}`,
  ];
  const ours = present[0]?.name;
  for (const oneCase of scenario.cases) {
    const of = (server: string | undefined): CaseResult | undefined =>
      results.find((one) => one.server === server && one.oneCase === oneCase);
    if (present.every(({ name }) => of(name) === undefined)) continue;
    const reference = of(ours)?.metrics[metric.name]?.median;
    const cells = present.map(({ name }) => {
      const summary = of(name)?.metrics[metric.name];
      if (summary === undefined) return '–';
      const range = summary.runs.length > 1 ? ` [${figure(summary.min)}–${figure(summary.max)}]` : '';
      const ratio = name === ours || reference === undefined ? '' : ` ×${(summary.median / reference).toFixed(2)}`;
      return `${figure(summary.median)}${range}${ratio}`;
    });
    lines.push(`| ${oneCase} | ${cells.join(' | ')} |`);
  }
  return lines;
}

/** Three significant digits, never an exponent. */
export function figure(value: number): string {
  if (value >= 100) return value.toFixed(0);
  if (value >= 10) return value.toFixed(1);
  return value.toFixed(2);
}
