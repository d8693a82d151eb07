import { printable } from '../../telemetry/printable.ts';
import { styled, type Style, type Terminal } from '../terminal.ts';
import { AREAS, worst, type Area, type Change, type Finding, type Verdict } from './finding.ts';

/** Of each finding; all of them are in the JSON. */
const MAX_ROWS = 10;

const STYLES: Readonly<Record<Verdict, Style>> = { ok: 'green', warning: 'yellow', problem: 'red' };
/** As wide as the longest verdict. */
const INDENT = ' '.repeat(11);

/** The findings for people, grouped by what they are about. */
export function writeFindings(file: string, findings: readonly Finding[], terminal: Terminal): void {
  terminal.line(styled(terminal, 'bold', `How quantum-safe ${file} is`));
  for (const area of Object.keys(AREAS) as Area[]) {
    const found = findings.filter((each) => each.area === area);
    if (found.length === 0) continue;
    terminal.line();
    terminal.line(styled(terminal, 'bold', AREAS[area]));
    for (const each of found) writeFinding(each, terminal);
  }
  terminal.line();
  terminal.line(conclusion(findings, terminal));
}

function writeFinding({ verdict, says, about, changes, id }: Finding, terminal: Terminal): void {
  const mark = styled(terminal, STYLES[verdict], verdict.padEnd(7));
  const [first = '', ...others] = wrapped(`${printable(says)} [${id}]`, terminal.columns - INDENT.length);
  terminal.line(`  ${mark}  ${first}`);
  for (const line of others) terminal.line(`${INDENT}${line}`);
  const list = (rows: readonly string[], style?: Style): void => {
    for (const row of rows.slice(0, MAX_ROWS)) {
      terminal.line(`${INDENT}${style === undefined ? printable(row) : styled(terminal, style, printable(row))}`);
    }
    if (rows.length > MAX_ROWS) terminal.line(`${INDENT}… and ${rows.length - MAX_ROWS} more`);
  };
  list(about.map((row) => `- ${row}`));
  list(changes.map(inWords), 'cyan');
}

/** Lines of so many characters at the most, but for words that are longer. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1) ?? ''} ${word}`;
    if (lines.length > 0 && longer.length <= width) lines.splice(-1, 1, longer);
    else lines.push(word);
  }
  return lines;
}

function inWords(change: Change): string {
  if ('command' in change) return `run: ${change.command}`;
  return `change ${change.file}: ${change.setting} = ${JSON.stringify(change.value)}`;
}

function conclusion(findings: readonly Finding[], terminal: Terminal): string {
  const verdict = worst(findings);
  if (verdict === 'ok') return styled(terminal, 'green', 'Quantum-safe, as far as can be seen from here.');
  const count = (of: Verdict): number => findings.filter((each) => each.verdict === of).length;
  const counted = (of: Verdict): string[] => {
    const number = count(of);
    return number === 0 ? [] : [`${number} ${of}${number === 1 ? '' : 's'}`];
  };
  const sum = [...counted('problem'), ...counted('warning')].join(', ');
  return styled(terminal, STYLES[verdict], `Not quantum-safe end to end: ${sum}.`);
}
