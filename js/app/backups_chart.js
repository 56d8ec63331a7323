// Every backup on a line of time: how many records each holds, which stay and which are due to go. The same stands in a table for who cannot see it.

import { Fragment, h, useState } from "./host.js";
import { dateOf, dayTime, kindName } from "./backups_words.js";
import { Fold } from "./parts.js";
import { count, counted, size } from "./words.js";

const WIDTH = 820;
const HEIGHT = 130;
const LEFT = 12;
const TOP = 14;
const FLOOR = HEIGHT - 4;

/** Those that can be compared: of one library and one sort, of which there are most; oldest first. @param {Backup[]} backups */
function comparable(backups) {
  /** @type {Record<string, Backup[]>} */
  const groups = {};
  for (const one of backups) if (!one.problem) (groups[`${one.instance} ${one.kind}`] ||= []).unshift(one);
  return Object.values(groups).sort((a, b) => b.length - a.length)[0] || [];
}

/** What is to be seen, in words. @param {Backup[]} shown oldest first */
function finding(shown) {
  const [first, last] = [shown[0], shown[shown.length - 1]];
  const gone = shown.filter((one) => !one.keep).length;
  const change = last.records - first.records;
  const moved = change === 0 ? "the same number of records in the first and in the last" : `${count(Math.abs(change))} records ${change > 0 ? "more" : "fewer"} than in the first`;
  return `${counted(shown.length, "backup")} from ${dateOf(first.time)} to ${dateOf(last.time)}: ${counted(last.records, "record")} in the newest, ${moved}. ${gone ? `${count(gone)} due to go.` : "None is due to go."}`;
}

/** @param {{backups: Backup[]}} props */
export function BackupsChart({ backups }) {
  const [open, setOpen] = useState(false);
  const shown = comparable(backups);
  if (shown.length < 2) return null;
  const words = finding(shown);
  const times = shown.map((one) => new Date(one.time).getTime());
  const [start, end] = [times[0], times[times.length - 1]];
  const most = Math.max(1, ...shown.map((one) => one.records));
  /** @param {number} index */
  const x = (index) => LEFT + ((WIDTH - 2 * LEFT) * (times[index] - start)) / Math.max(1, end - start);
  /** @param {Backup} one */
  const y = (one) => FLOOR - ((FLOOR - TOP) * one.records) / most;
  return h(
    "figure",
    { className: "sp-chart" },
    h("figcaption", { className: "sub-heading" }, `Records in each backup of ${kindName(shown[0].kind).toLowerCase()}. ${words}`),
    h(
      "svg",
      { role: "img", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-label": words },
      h("title", null, words),
      h(
        "g",
        { "aria-hidden": true },
        h("line", { x1: 0, x2: WIDTH, y1: FLOOR, y2: FLOOR, className: "sp-chart-floor" }),
        h("polyline", { points: shown.map((one, index) => `${x(index)},${y(one)}`).join(" "), className: "sp-chart-line" }),
        shown.map((one, index) => h(Mark, { key: one.id, one, x: x(index), y: y(one) }))
      )
    ),
    h("div", { className: "sp-chart-ends sub-heading", "aria-hidden": true }, h("span", null, dateOf(shown[0].time)), h("span", null, h(Legend)), h("span", null, dateOf(shown[shown.length - 1].time))),
    h(Fold, { id: "sp-chart-table", label: "Show as a table", open, onToggle: () => setOpen(!open), className: "pl-0 sp-small" }),
    h("div", { id: "sp-chart-table", hidden: !open, className: "sp-scroll" }, open ? h(ChartTable, { shown }) : null)
  );
}

/** Full: stays; hollow: due to go; a cross: damaged. @param {{one: Backup, x: number, y: number}} props */
function Mark({ one, x, y }) {
  const title = h("title", null, `${dayTime(one.time)}: ${counted(one.records, "record")}${one.level === "failed" ? ", damaged" : one.keep ? "" : ", due to go"}`);
  if (one.level === "failed") return h("path", { d: `M${x - 5},${y - 5}L${x + 5},${y + 5}M${x - 5},${y + 5}L${x + 5},${y - 5}`, className: "sp-chart-bad" }, title);
  return h("circle", { cx: x, cy: y, r: one.keep ? 5 : 4.5, className: one.keep ? "sp-chart-kept" : "sp-chart-going" }, title);
}

function Legend() {
  /** @param {any} mark @param {string} word */
  const entry = (mark, word) => h("span", { className: "mx-2 sp-nowrap" }, h("svg", { viewBox: "0 0 12 12", width: 12, height: 12, className: "mr-1" }, mark), word);
  return h(Fragment, null, entry(h("circle", { cx: 6, cy: 6, r: 5, className: "sp-chart-kept" }), "stays"), entry(h("circle", { cx: 6, cy: 6, r: 4.5, className: "sp-chart-going" }), "due to go"));
}

/** @param {{shown: Backup[]}} props */
function ChartTable({ shown }) {
  return h(
    "table",
    { className: "table table-sm mb-0" },
    h("thead", null, h("tr", null, h("th", { scope: "col" }, "When"), h("th", { scope: "col", className: "sp-number" }, "Records"), h("th", { scope: "col", className: "sp-number" }, "Size"), h("th", { scope: "col" }, "Kept"))),
    h(
      "tbody",
      null,
      [...shown].reverse().map((one) => h("tr", { key: one.id }, h("th", { scope: "row" }, dayTime(one.time)), h("td", { className: "sp-number" }, count(one.records)), h("td", { className: "sp-number" }, size(one.size)), h("td", null, one.keep ? "stays" : "due to go")))
    )
  );
}
