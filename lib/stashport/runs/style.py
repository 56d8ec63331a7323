"""The look of the report: one style sheet, light and dark by the reader's own setting, and plain on grey paper."""

from __future__ import annotations

CSS = """
:root {
  color-scheme: light dark;
  --page: #f6f7f8; --card: #ffffff; --ink: #1c2127; --soft: #5f6b7a; --line: #dfe3e8;
  --ok: #17663a; --partial: #8a5100; --failed: #a82a2a; --running: #215db0;
  --created: #1f7a4d; --updated: #2d72d2; --unchanged: #9aa5b1; --skipped: #cdd4db; --conflicts: #b8860b; --failed-bar: #c23030;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #161a1f; --card: #20262d; --ink: #eef1f4; --soft: #a7b3bf; --line: #363f49;
    --ok: #62d196; --partial: #f0b755; --failed: #ff8a80; --running: #8abbff;
    --created: #3fa372; --updated: #4c90f0; --unchanged: #76838f; --skipped: #4a5560; --conflicts: #d9a520; --failed-bar: #e76a6e;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 2.5rem 1rem 4rem; background: var(--page); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main { max-width: 60rem; margin: 0 auto; }
header { border-left: 5px solid var(--tone); padding: .1rem 0 .1rem 1.25rem; margin-bottom: 2rem; }
header.ok { --tone: var(--ok); } header.partial { --tone: var(--partial); }
header.failed { --tone: var(--failed); } header.running { --tone: var(--running); }
.word { margin: 0 0 .25rem; color: var(--tone); font-weight: 650; letter-spacing: .01em; }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.3; font-weight: 650; overflow-wrap: anywhere; text-wrap: pretty; }
header p.facts { margin: .5rem 0 0; color: var(--soft); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1.15rem 1.35rem 1.3rem; margin: 0 0 1rem; }
h2 { margin: 0 0 .7rem; font-size: 1rem; font-weight: 650; }
h2 small { color: var(--soft); font-weight: 400; font-size: .9rem; margin-left: .4rem; }
p { margin: .4rem 0; overflow-wrap: anywhere; }
p.soft, td.soft, .soft { color: var(--soft); }
ul { margin: 0; padding-left: 1.15rem; } li { margin: .2rem 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
.scroll:focus-visible, a:focus-visible { outline: 2px solid var(--running); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem; }
th, td { text-align: left; padding: .38rem .8rem .38rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; } thead th { color: var(--soft); font-size: .87rem; vertical-align: bottom; }
tbody tr:last-child > * { border-bottom: 0; }
tfoot > tr > * { border-top: 2px solid var(--line); border-bottom: 0; font-weight: 650; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; padding-right: 0; padding-left: .9rem; }
td.n { white-space: nowrap; } th .sign { display: block; }
td.first, th.first { padding-left: 0; padding-right: .9rem; width: 1%; }
table.facts th { width: 11rem; overflow-wrap: anywhere; }
td.any, th.any { overflow-wrap: anywhere; min-width: 8rem; }
td.tight { white-space: nowrap; }
td.zero { color: var(--soft); opacity: .55; }
.key { display: inline-block; width: .7em; height: .7em; border-radius: 2px; margin-right: .45em; border: 1px solid var(--line); }
svg.bar { display: block; width: 100%; height: 16px; margin: .1rem 0 1rem; border-radius: 4px; background: var(--line); }
.created { fill: var(--created); background: var(--created); } .updated { fill: var(--updated); background: var(--updated); }
.unchanged { fill: var(--unchanged); background: var(--unchanged); } .skipped { fill: var(--skipped); background: var(--skipped); }
.conflicts { fill: var(--conflicts); background: var(--conflicts); } .failed-bar { fill: var(--failed-bar); background: var(--failed-bar); }
code, pre { font: .88em/1.5 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; }
code { overflow-wrap: anywhere; } pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
a { color: var(--running); }
footer { color: var(--soft); font-size: .87rem; margin-top: 1.5rem; overflow-wrap: anywhere; }
@media (max-width: 30rem) {
  body { padding-top: 1.25rem; } section { padding: .9rem .95rem 1rem; } h1 { font-size: 1.3rem; } table.facts th { width: 7rem; }
}
@media print {
  :root {
    --page: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb; --ok: #000; --partial: #000; --failed: #000; --running: #000;
    --created: #555; --updated: #222; --unchanged: #999; --skipped: #ddd; --conflicts: #777; --failed-bar: #000;
  }
  html { font-size: 11px; } body { padding: 0; font-size: 1rem; } section { border-radius: 0; } h2 { break-after: avoid; }
  tr, svg { break-inside: avoid; } .scroll { overflow: visible; }
  svg.bar, .key, header { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
@media (forced-colors: active) { svg.bar, .key { forced-color-adjust: none; } }
"""
