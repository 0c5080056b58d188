import { chartColourRules, FONT_FAMILY, THEME } from './theme.ts';

function variables(theme: 'light' | 'dark'): string {
  const names = ['ground', 'panel', 'rule', 'ink', 'quiet', 'gain', 'loss', 'blue'] as const;
  return names.map((name) => `--${name}:${THEME[name][theme]}`).join(';');
}

const BASE = `
:root{color-scheme:light dark;${variables('light')}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1088px;padding:32px 24px 48px;background:var(--ground);color:var(--ink);
font:16px/1.5 system-ui,${FONT_FAMILY};overflow-wrap:anywhere}
h1{font-size:1.75rem;line-height:1.2;margin:0}
h2{font-size:1.25rem;line-height:1.3;margin:0 0 4px}
p{margin:0 0 12px;max-width:75ch}
.subtitle,.intro,.note,footer{color:var(--quiet)}
.subtitle{margin:6px 0 24px}
section{margin:40px 0 0}
.cards{list-style:none;margin:0;padding:0;display:grid;gap:12px;
grid-template-columns:repeat(auto-fit,minmax(180px,1fr))}
.card{background:var(--panel);border:1px solid var(--rule);border-radius:10px;padding:14px 16px}
.card p{margin:0}
.label{font-size:.875rem;color:var(--quiet)}
.value{font-size:1.5rem;line-height:1.3;font-weight:600;font-variant-numeric:tabular-nums}
.note{font-size:.875rem}
.gain{color:var(--gain)}
.loss{color:var(--loss)}
figure{margin:12px 0 0}
figure svg{display:block;width:100%;height:auto}
.narrow{display:none}
details{margin:12px 0 0}
summary{cursor:pointer;color:var(--blue);padding:4px 0}
summary:focus-visible{outline:2px solid var(--blue);outline-offset:2px}
.missing{border-left:4px solid var(--loss);padding:8px 12px;background:var(--panel)}
table{border-collapse:collapse;width:100%;margin:12px 0 0;font-size:.875rem;overflow-wrap:break-word}
caption{text-align:left;color:var(--quiet);font-size:.875rem;padding:0 0 6px}
th,td{padding:7px 10px;border-bottom:1px solid var(--rule);text-align:left;vertical-align:baseline}
th:first-child{padding-left:0}
thead th{font-size:.8125rem;color:var(--quiet);border-bottom-color:var(--quiet);vertical-align:bottom}
tbody th{font-weight:600;overflow-wrap:anywhere}
.wide-table tbody th{min-width:240px}
.number{text-align:right;font-variant-numeric:tabular-nums}
td.number{white-space:nowrap}
.slim-table{width:auto;min-width:min(100%,480px)}
dl{margin:12px 0 0}
dl div{display:grid;grid-template-columns:minmax(140px,30%) 1fr;gap:4px 16px;padding:7px 0;
border-bottom:1px solid var(--rule)}
dt{color:var(--quiet)}
dd{margin:0}
footer{margin:48px 0 0;padding:20px 0 0;border-top:1px solid var(--rule);font-size:.875rem}
footer h2{font-size:1rem;color:var(--ink)}
footer ul{padding-left:20px;margin:6px 0 12px;max-width:75ch}`;

/** A wide table as cards: the row's heading on top, then each value under the name of its column, three side by side. */
const PHONE = `
@media screen and (max-width:640px){
body{padding:20px 16px 32px}
.wide{display:none}
.narrow{display:block}
.cards{grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:8px}
.card{padding:10px 12px}
.value{font-size:1.375rem}
.slim-table{width:100%;min-width:0}
.wide-table,.wide-table tbody,.wide-table caption{display:block}
.wide-table thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.wide-table tr{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:8px 12px;padding:12px 0;border-bottom:1px solid var(--rule)}
.wide-table th[scope=row]{grid-column:1/-1;min-width:0;padding:0;border:0;font-size:1rem}
.wide-table td{padding:0;border:0;text-align:left}
.wide-table td::before{content:attr(data-label);display:block;color:var(--quiet);font-size:.8125rem;white-space:normal}
dl div{grid-template-columns:1fr}
}`;

const DARK = `
@media screen and (prefers-color-scheme:dark){
:root{${variables('dark')}}
${chartColourRules()}
}`;

const PAPER = `
@media print{
body{max-width:none;padding:0;font-size:11pt}
section,.card,figure,tr{break-inside:avoid}
h2{break-after:avoid}
summary{display:none}
details::details-content{content-visibility:visible;block-size:auto}
table{font-size:9pt}
th,td{padding:4px 5px}
.wide-table,.wide-table thead th{font-size:7.5pt}
.wide-table tbody th{min-width:0}
.cards{grid-template-columns:repeat(auto-fit,minmax(150px,1fr))}
.value{font-size:1.375rem}
}`;

/** The style of every page, as one text: the page's policy allows exactly these bytes. */
export const PAGE_STYLE: string = `${BASE}${PHONE}${DARK}${PAPER}\n`;
