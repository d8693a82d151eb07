import { printable } from '../../telemetry/printable.ts';
import type { Partner, SessionCount, SessionReport } from '../../policy/session-report.ts';
import { refusedTitle, settingInWords } from './refused-table.ts';
import { counted, percent } from './report-chart.ts';
import type { RefusedOn } from './would-be-refused.ts';

const STYLE = `
:root { color-scheme: light dark; --pq: #1a7f5a; --classical: #c98a1b; --track: color-mix(in srgb, currentColor 8%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.total { font-size: 1.15rem; } .total strong { font-size: 2rem; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; font-weight: 600; }
th, td { padding: .3rem .8rem .3rem 0; vertical-align: middle; } td.name { overflow-wrap: anywhere; width: 40%; }
td.number { white-space: nowrap; font-variant-numeric: tabular-nums; }
.bar { display: flex; height: 1rem; background: var(--track); border-radius: 3px; overflow: hidden; }
.pq { background: var(--pq); } .classical { background: var(--classical); }
.key span { display: inline-block; width: .9rem; height: .9rem; border-radius: 3px; vertical-align: -1px; margin: 0 .35rem 0 1rem; }
`;

/** The report as one page that needs nothing else: no script, no font, no picture from elsewhere. */
export function reportHtml(report: SessionReport, generatedAt: string, refused: RefusedOn | null = null): string {
  const { total } = report;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Post-quantum key exchange: ${percent(total)} of ${counted(total.sessions, 'session', 'sessions')}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Post-quantum key exchange</h1>
<p class="total"><strong>${escapeHtml(percent(total))}</strong> of ${counted(total.sessions, 'session was', 'sessions were')} post-quantum.</p>
<p>${counted(report.withoutLogin, 'session', 'sessions')} never logged in. ${counted(report.betterPqAvailable, 'was', 'were')} classical although both sides had a hybrid; ${counted(report.insisted, 'is', 'are')} post-quantum since the server insisted.
Made from the logs at ${escapeHtml(generatedAt)}${report.unreadableLines > 0 ? `; ${counted(report.unreadableLines, 'unreadable line', 'unreadable lines')} left out` : ''}.</p>
<p class="key">Sessions:<span class="pq"></span>post-quantum<span class="classical"></span>classical</p>
${section('By client version', report.byClientVersion)}
${section('By user', report.byUser)}
${section('By key exchange method', report.byMethod)}
<h2>Who a policy of hybrids only would cut off</h2>
${cutOffTable(report.cutOff)}
${refused === null ? '' : refusedSection(refused)}</body>
</html>
`;
}

function section(title: string, counts: readonly SessionCount[]): string {
  const most = Math.max(1, ...counts.map(({ sessions }) => sessions));
  const rows = counts.map((count) => {
    const share = (part: number): string => ((100 * part) / most).toFixed(2);
    return (
      `<tr><td class="name">${escapeHtml(count.name)}</td><td>` +
      `<div class="bar"><div class="pq" style="width:${share(count.pq)}%"></div>` +
      `<div class="classical" style="width:${share(count.sessions - count.pq)}%"></div></div></td>` +
      `<td class="number">${count.sessions} (${escapeHtml(percent(count))} PQ)</td></tr>`
    );
  });
  return `<h2>${title}</h2>\n<table>\n${rows.join('\n')}\n</table>`;
}

function cutOffTable(partners: readonly Partner[]): string {
  if (partners.length === 0) return '<p>Nobody: every client that logged in offers a hybrid.</p>';
  const rows = partners.map(
    (partner) =>
      `<tr><td>${escapeHtml(partner.user)}</td><td class="name">${escapeHtml(partner.clientVersion)}</td>` +
      `<td class="number">${partner.sessions}</td><td>${escapeHtml(partner.lastSeen ?? 'unknown')}</td>` +
      `<td>${partner.offersOtherPq ? 'post-quantum methods unknown here' : 'no post-quantum method'}</td></tr>`,
  );
  return `<table>\n<tr><th>User</th><th>Client</th><th>Sessions</th><th>Last seen</th><th>Offers</th></tr>\n${rows.join('\n')}\n</table>`;
}

function refusedSection(refused: RefusedOn): string {
  const title = `<h2>${escapeHtml(refusedTitle(refused))}</h2>\n`;
  if (refused.partners.length === 0) return `${title}<p>Nobody of whom these logs tell.</p>\n`;
  const rows = refused.partners.map(
    (partner) =>
      `<tr><td>${escapeHtml(partner.user)}</td><td class="name">${escapeHtml(partner.clientVersion)}</td>` +
      `<td>${escapeHtml(settingInWords(partner))}</td><td class="name">${escapeHtml(partner.because)}</td>` +
      `<td class="number">${partner.logins}</td><td>${escapeHtml(partner.lastSeen ?? 'unknown')}</td>` +
      `<td>${escapeHtml(partner.lastPostQuantum ?? '–')}</td><td>${escapeHtml(partner.advice)}</td></tr>`,
  );
  const header = ['User', 'Client', 'By', 'Came with', 'Logins', 'Last seen', 'Last post-quantum', 'What would help'];
  const notSeen =
    refused.notSeen.length === 0
      ? ''
      : `<p>The logs say nothing of these users, of whom something is required then: ${escapeHtml(refused.notSeen.join(', '))}.</p>\n`;
  return `${title}<table>\n<tr>${header.map((name) => `<th>${name}</th>`).join('')}</tr>\n${rows.join('\n')}\n</table>\n${notSeen}`;
}

/** Names come from clients and users. */
function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return printable(text).replace(/[&<>"']/g, (character) => entities[character] ?? '');
}
