// A plan in numbers: by kind what would be done, which fields change most, and what the chosen way of writing cannot carry over.

import { B, Fragment, Icon, h, icons, useState } from "./host.js";
import { ACTIONS, ActionSign } from "./plan_step.js";
import { kindWord } from "./plan_values.js";
import { Fold, Section, Warn } from "./parts.js";
import { capital, count, counted, listed } from "./words.js";

/** @typedef {{action: string, kind: string}} Shown which steps the list shows */

const ORDER = ["create", "update", "delete", "conflict", "deferred", "skip", "unchanged"];
/** Those that are steps: of the others only some, or none. */
const LISTED = ["create", "update", "delete", "conflict", "deferred"];

/** How many records each action stands for. @param {PlanFacts} plan @returns {Record<string, number>} */
export function sums(plan) {
  /** @type {Record<string, number>} */
  const out = {};
  for (const row of Object.values(plan.totals)) for (const [action, number] of Object.entries(row)) out[action] = (out[action] || 0) + number;
  return out;
}

/** How many records would be written. @param {PlanFacts} plan */
export function writesOf(plan) {
  const { create = 0, update = 0, delete: gone = 0 } = sums(plan);
  return create + update + gone || plan.writes;
}

/** @param {{plan: PlanFacts, hello: Hello, shown: Shown, onShow?: (shown: Shown) => void}} props `onShow`: where there is a list */
export function TotalsSection({ plan, hello, shown, onShow }) {
  const together = sums(plan);
  const columns = ORDER.filter((action) => together[action]);
  const rows = hello.kinds.filter((kind) => plan.totals[kind.plural] && columns.some((action) => plan.totals[kind.plural][action]));
  if (!rows.length) return null;
  /** @param {string} action @param {number} number @param {KindInfo} [kind] */
  const cell = (action, number, kind) => {
    const name = kind ? kind.name : "";
    const pressed = shown.action === action && shown.kind === name;
    const words = `${count(number)} ${kind ? kind.label.toLowerCase() : "records"}: ${ACTIONS[action][4].toLowerCase()}`;
    if (!number) return h("td", { key: action, className: "sp-number text-muted" }, "0");
    if (!onShow || !LISTED.includes(action)) return h("td", { key: action, className: "sp-number" }, count(number));
    return h("td", { key: action, className: "sp-number" }, h(B.Button, { variant: "link", className: "sp-total", "aria-pressed": pressed, "aria-label": `${words}. Show them in the list`, onClick: () => onShow({ action, kind: name }) }, count(number)));
  };
  return h(
    Section,
    { title: "In numbers" },
    h(Bar, { together, columns }),
    h(
      "div",
      { className: "sp-scroll" },
      h(
        "table",
        { className: "table table-sm mb-0 sp-totals" },
        h("thead", null, h("tr", null, h("th", { scope: "col" }, "Kind"), columns.map((action) => h("th", { key: action, scope: "col", className: "sp-number" }, h(ActionSign, { action, word: ACTIONS[action][4] }))))),
        h("tbody", null, rows.map((kind) => h("tr", { key: kind.plural }, h("th", { scope: "row" }, kind.label), columns.map((action) => cell(action, plan.totals[kind.plural][action] || 0, kind))))),
        rows.length > 1 ? h("tfoot", null, h("tr", null, h("th", { scope: "row" }, "Together"), columns.map((action) => cell(action, together[action])))) : null
      )
    ),
    h(ChangedFields, { plan, hello })
  );
}

/** The same as one bar; its legend is the table below it. @param {{together: Record<string, number>, columns: string[]}} props */
function Bar({ together, columns }) {
  const all = columns.reduce((sum, action) => sum + together[action], 0);
  const words = columns.map((action) => `${count(together[action])} ${ACTIONS[action][4].toLowerCase()}`).join(", ");
  return h("div", { className: "sp-bar", role: "img", "aria-label": words }, columns.map((action) => h("span", { key: action, className: `sp-bar-${action}`, style: { flexGrow: Math.max(together[action], all / 100) }, title: `${ACTIONS[action][4]}: ${count(together[action])}` })));
}

/** @param {{plan: PlanFacts, hello: Hello}} props */
function ChangedFields({ plan, hello }) {
  const [open, setOpen] = useState(false);
  const kinds = hello.kinds.filter((kind) => Object.keys(plan.fields[kind.plural] || {}).length);
  if (!kinds.length) return null;
  return h(
    "div",
    { className: "sp-block" },
    h(Fold, { id: "sp-plan-fields", label: "Which fields change", open, onToggle: () => setOpen(!open), className: "pl-0" }),
    h(
      "div",
      { id: "sp-plan-fields", hidden: !open },
      kinds.map((kind) =>
        h(
          "p",
          { key: kind.plural, className: "mb-1 sp-inline-list" },
          h("span", { className: "text-muted" }, `${kind.label}:`),
          Object.entries(plan.fields[kind.plural])
            .sort(([, a], [, b]) => b - a)
            .map(([name, number]) => h("span", { key: name }, `${(kind.fields.find((field) => field.name === name) || { label: name }).label} `, h("strong", null, count(number))))
        )
      )
    )
  );
}

/** "created at of scenes". @param {string} name "scenes.created_at" @param {Hello} hello */
function words(name, hello) {
  const [plural, ...field] = name.split(".");
  const kind = hello.kinds.find((one) => one.plural === plural);
  const known = kind && kind.fields.find((one) => one.name === field[0]);
  const label = known ? `${known.label.toLowerCase()}${field.length > 1 ? ` (${field.slice(1).join(" ").replace(/_/g, " ")})` : ""}` : field.join(".");
  return `${label} of ${kind ? kind.label.toLowerCase() : plural}`;
}

/** What is lost on the way, before it is lost. @param {{plan: PlanFacts, hello: Hello}} props */
export function LossesSection({ plan, hello }) {
  /** @type {Map<string, string[]>} */
  const losses = new Map();
  for (const [name, { number, reason }] of Object.entries(plan.losses || {})) losses.set(reason, [...(losses.get(reason) || []), `${words(name, hello)} (${count(number)})`]);
  const skipped = (plan.reasons && plan.reasons.skip) || [];
  if (!losses.size && !skipped.length) return null;
  return h(
    Section,
    { title: "What cannot be carried over" },
    h(
      "ul",
      { className: "sp-block sp-list mb-0" },
      [...losses].map(([reason, names]) => h("li", { key: reason }, h("strong", null, `${capital(reason)}: `), `${listed(names)}.`)),
      skipped.map(([kind, reason, number], index) => h("li", { key: index }, h("strong", null, `${count(number)} ${kindWord(hello, kind, number).toLowerCase()}`), ` left out: ${reason}.`))
    )
  );
}

/** Other plugins that run at each change. @param {{plan: PlanFacts}} props */
export function Hooks({ plan }) {
  const names = [...new Set((plan.hooks || []).map((one) => one.plugin))];
  if (!names.length) return null;
  return h(Warn, null, `${counted(names.length, "other plugin")} (${listed(names)}) ${names.length === 1 ? "runs" : "run"} at each change that is written, which makes it slower and may change records again.`);
}

/** @param {{plan: PlanFacts, hello: Hello}} props */
export function Rollback({ plan, hello }) {
  const [open, setOpen] = useState(false);
  const { rollback } = plan;
  if (!rollback) return null;
  const parts = Object.entries(rollback.rollbackOperations || {}).flatMap(([what, kinds]) => {
    const told = hello.kinds.filter((kind) => kinds[kind.plural]).map((kind) => `${count(kinds[kind.plural])} ${kindWord(hello, kind.name, kinds[kind.plural]).toLowerCase()}`);
    return told.length ? [`${what}: ${listed(told)}`] : [];
  });
  return h(
    Fragment,
    null,
    h(Fold, { id: "sp-rollback", label: "How it is taken back, and how it is checked", open, onToggle: () => setOpen(!open), className: "pl-0" }),
    h(
      "div",
      { id: "sp-rollback", hidden: !open },
      h("p", { className: "mb-1" }, "Each value is written down before it changes, so that \u201cUndo this run\u201d can put it back."),
      parts.length ? h("p", { className: "mb-1" }, h(Icon, { icon: icons.faRotateLeft, className: "mr-2 text-muted" }), `Undoing would ${listed(parts)}.`) : null,
      rollback.backupLocation ? h("p", { className: "mb-1" }, `The copy: ${rollback.backupLocation}.`) : null,
      h("ul", { className: "sp-list mb-0" }, (rollback.verificationSteps || []).map((text) => h("li", { key: text }, text)))
    )
  );
}
