import * as echarts from 'echarts';
import type { Metric } from '../scenarios/scenario.ts';
import type { ScenarioResult } from '../run-scenario.ts';
import { figure } from './markdown.ts';

const WIDTH = 900;

/** A bar chart of the medians as SVG: a group of bars for each case, a colour for each server. */
export function chart({ scenario, servers, results }: ScenarioResult, metric: Metric): string {
  const present = servers.filter(({ name }) => results.some(({ server }) => server === name));
  const cases = scenario.cases.filter((one) => results.some(({ oneCase }) => oneCase === one));
  const height = 110 + cases.length * (present.length * 16 + 14);
  const drawing = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  drawing.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: {
      text: scenario.title,
      subtext: `${metric.name}, ${metric.unit}; ${metric.better === 'higher' ? 'more' : 'less'} is better`,
      left: 'center',
    },
    legend: { bottom: 0, data: present.map(({ name }) => name) },
    grid: { left: 20, right: 60, top: 60, bottom: 36, containLabel: true },
    xAxis: { type: 'value' },
    yAxis: { type: 'category', inverse: true, data: cases },
    series: present.map(({ name }) => ({
      name,
      type: 'bar',
      label: {
        show: true,
        position: 'right',
        fontSize: 10,
        formatter: ({ value }: { value: unknown }) => (typeof value === 'number' ? figure(value) : ''),
      },
      data: cases.map(
        (one) =>
          results.find(({ server, oneCase }) => server === name && oneCase === one)?.metrics[metric.name]?.median ??
          '-',
      ),
    })),
  });
  const svg = drawing.renderToSVGString();
  drawing.dispose();
  return svg;
}
