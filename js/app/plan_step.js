// One step of a plan: what would be done to one record, with a minus line for what goes and a plus line for what comes.

import { B, Fragment, Icon, Link, h, icons, useState } from "./host.js";
import { difference, fieldOf, itemsOf, kindWord } from "./plan_values.js";
import { Fold } from "./parts.js";
import { count, counted } from "./words.js";

/** action -> icon, sign, colour class, word for one record, word in a table @type {Record<string, [string, string, string, string, string]>} */
export const ACTIONS = {
  create: ["faPlus", "+", "text-success", "to create", "Create"],
  update: ["faPen", "~", "text-warning", "to change", "Change"],
  link: ["faPen", "~", "text-warning", "to change afterwards", "Change afterwards"],
  delete: ["faMinus", "\u2212", "text-danger", "to delete", "Delete"],
  conflict: ["faCircleQuestion", "?", "text-warning", "to decide", "Decide"],
  deferred: ["faHourglassHalf", "\u2026", "text-info", "waits for its file", "Wait for files"],
  skip: ["faForward", "\u00b7", "text-muted", "left out", "Leave out"],
  unchanged: ["faEquals", "=", "text-muted", "already the same", "Same already"],
};

/** @type {Record<string, string>} */
const PAGES = { scene: "scenes", performer: "performers", studio: "studios", tag: "tags", gallery: "galleries", group: "groups", image: "images" };

/** Where Stash shows a record, or "". @param {string} target "scene:17" */
export function pageOf(target) {
  const [kind, number] = target.split(":");
  return PAGES[kind] && Number(number) > 0 ? `/${PAGES[kind]}/${number}` : "";
}

/** Sign, word and colour together. @param {{action: string, word?: string}} props */
export function ActionSign({ action, word }) {
  const [icon, , colour, one] = ACTIONS[action] || ACTIONS.skip;
  return h("span", { className: "sp-sign" }, h(Icon, { icon: icons[icon], className: `${colour} fa-fw mr-1` }), word === undefined ? one : word);
}

/** The name of a record, and the way to it where it is there. @param {{step: PlanStep, hello: Hello}} props */
export function StepName({ step, hello }) {
  const page = pageOf(step.target);
  const plain = !step.name || step.name === step.target || step.name === step.source;
  const name = plain ? `number ${(step.target || step.source).split(":")[1]}` : step.name;
  return h(Fragment, null, h("span", { className: "text-muted" }, `${kindWord(hello, step.kind)} `), page ? h(Link, { to: page, target: "_blank", className: "sp-strong" }, name, h("span", { className: "sr-only" }, " (opens in a new tab)")) : h("strong", null, name));
}

const MOST = 8;

/** Why, where that is not said by the sign and the lines. @param {PlanStep} step */
function why({ action, reason, changes }) {
  if (action === "create") return reason.split("; ").slice(1).join("; ");
  return !changes.length || action === "conflict" ? reason : "";
}

/** @param {{step: PlanStep, hello: Hello, nameOf: (reference: string) => string, onDecide?: () => void}} props */
export function StepRow({ step, hello, nameOf, onDecide }) {
  const [all, setAll] = useState(false);
  const changes = all ? step.changes : step.changes.slice(0, MOST);
  return h(
    "li",
    { className: "sp-step" },
    h("div", { className: "sp-step-head" }, h("span", null, h(StepName, { step, hello })), h(ActionSign, { action: step.action })),
    why(step) ? h("div", { className: "sub-heading" }, why(step)) : null,
    step.action === "link" ? null : step.record && !step.changes.length ? h(Fields, { step, hello, nameOf, gone: step.action === "delete" }) : null,
    changes.map((change) => h(Change, { key: change.field, change, field: fieldOf(hello, step.kind, change.field), nameOf })),
    step.changes.length > changes.length ? h(B.Button, { variant: "link", className: "p-0 sp-small", onClick: () => setAll(true) }, `Show ${counted(step.changes.length - changes.length, "more field")}`) : null,
    step.action === "conflict" && onDecide ? h(B.Button, { variant: "secondary", size: "sm", className: "mt-1", onClick: onDecide }, "Decide above") : null
  );
}

/** @param {{change: PlanChange, field: FieldInfo | undefined, nameOf: (reference: string) => string}} props */
function Change({ change, field, nameOf }) {
  const before = itemsOf(change.before, field, nameOf);
  const after = itemsOf(change.after, field, nameOf);
  const { goes, comes, stay } = difference(before, after);
  const same = !goes.length && !comes.length;
  return h(
    "div",
    { className: "sp-change" },
    h("div", { className: "sp-change-label" }, change.label, stay && !same ? h("span", { className: "text-muted sp-small" }, `, ${count(stay)} ${stay === 1 ? "stays" : "stay"}`) : null),
    h("div", { className: "sp-change-lines" }, same ? h("div", { className: "text-muted" }, "Written in another order or with other details.") : [...goes.map((text, index) => h(Line, { key: `-${index}`, text, gone: true })), ...comes.map((text, index) => h(Line, { key: `+${index}`, text }))])
  );
}

/** @param {{text: string, gone?: boolean}} props */
function Line({ text, gone }) {
  const shown = text.length > 600 ? `${text.slice(0, 600)}…` : text;
  return h("div", { className: `sp-line ${gone ? "sp-line-gone" : "sp-line-new"}` }, h("span", { className: gone ? "text-danger" : "text-success", "aria-hidden": true }, gone ? "\u2212" : "+"), h("span", { className: "sr-only" }, gone ? "goes: " : "comes: "), h("span", null, shown));
}

/** The fields of a record that is made or deleted. @param {{step: PlanStep, hello: Hello, nameOf: (reference: string) => string, gone: boolean}} props */
function Fields({ step, hello, nameOf, gone }) {
  const [open, setOpen] = useState(false);
  const record = step.record || {};
  if (typeof record !== "object") return h(Line, { text: String(record), gone });
  const kind = hello.kinds.find((one) => one.name === step.kind);
  const fields = (kind ? kind.fields : []).filter((field) => field.name in record);
  const id = `sp-step-${step.number}`;
  return h(
    "div",
    null,
    h(Fold, { id, label: counted(fields.length, "field"), describe: `${counted(fields.length, "field")} of ${step.name}`, open, onToggle: () => setOpen(!open), className: "p-0 sp-small" }),
    h("div", { id, hidden: !open }, open ? fields.map((field) => h("div", { key: field.name, className: "sp-change" }, h("div", { className: "sp-change-label" }, field.label), h("div", { className: "sp-change-lines" }, itemsOf(record[field.name], field, nameOf).map((text, index) => h(Line, { key: index, text, gone }))))) : null)
  );
}
