// One field that both libraries tell, and differently: side by side, what differs marked; this library's, the backup's, both, or another value.

import { B, Icon, h, icons, useState } from "./host.js";
import { likeOf, takenOf, withLike, withTake } from "./plan_decisions.js";
import { difference, fieldOf, itemsOf, kindWord, marked, shown } from "./plan_values.js";

/** @typedef {{step: PlanStep, hello: Hello, decisions: Decisions, onChange: (next: Decisions) => void, nameOf: (reference: string) => string}} Deciding */

const LISTS = ["texts", "times", "refs", "rows", "map"];
/** What one can type. */
const TYPED = ["text", "date", "int", "float", "bool", "texts"];
/** Texts from here on are worth having one below the other. */
const LONG = 60;

/** Whether both values can be had. @param {PlanClash} clash @param {FieldInfo | undefined} field */
function canBoth({ mine, theirs }, field) {
  if (!field) return false;
  if (field.type === "text") return typeof mine === "string" && typeof theirs === "string" && (["details", "description", "synopsis"].includes(field.name) || mine.length + theirs.length > 2 * LONG);
  return LISTS.includes(field.type) && Array.isArray(mine) && Array.isArray(theirs);
}

/** @param {Deciding & {clash: PlanClash}} props */
export function ClashRow({ step, clash, hello, decisions, onChange, nameOf }) {
  const field = fieldOf(hello, step.kind, clash.field);
  const found = takenOf(decisions, step, clash);
  const take = found ? found.taken.take : "";
  const rule = likeOf(decisions, step.kind, clash.field);
  const [typing, setTyping] = useState(false);
  const own = typing || take === "value";
  const label = `${clash.label} of ${step.name || step.source}`;
  /** @param {Take | null} next */
  const decide = (next) => {
    setTyping(false);
    onChange(withTake(decisions, step, clash, next));
  };
  /** @param {string} name @param {string} words @param {() => void} onClick @param {boolean} [pressed] */
  const button = (name, words, onClick, pressed = take === name && !typing) =>
    h(B.Button, { key: name, variant: pressed ? "primary" : "secondary", size: "sm", "aria-pressed": pressed, "aria-label": `${words}: ${label}`, onClick }, pressed ? h(Icon, { icon: icons.faCheck, className: "mr-1" }) : null, words);
  const [here, there] = sides(clash, field, nameOf);
  return h(
    "div",
    { className: `sp-clash ${found ? "sp-decided" : ""}`, role: "group", "aria-label": label },
    h("div", { className: "sp-clash-label" }, h("strong", null, clash.label), clash.base !== null && clash.base !== undefined ? h("span", { className: "text-muted sp-small" }, ` When both last agreed: ${shown(clash.base, field, nameOf) || "nothing"}`) : null),
    h(
      "div",
      { className: "sp-sides" },
      h(Side, { title: "This library", pieces: here, chosen: take === "target" || take === "both" }, button("target", "Keep this library's", () => decide({ take: "target" }))),
      h(Side, { title: "The backup", pieces: there, chosen: take === "source" || take === "both" }, button("source", "Take the backup's", () => decide({ take: "source" })))
    ),
    h(
      "div",
      { className: "sp-buttons mt-1" },
      canBoth(clash, field) ? button("both", "Keep both", () => decide({ take: "both" })) : null,
      field && TYPED.includes(field.type) ? button("value", "Another value", () => setTyping(!typing), own) : null,
      found && !(rule && rule.take === take && JSON.stringify(rule.value) === JSON.stringify(found.taken.value)) ? h(B.Button, { variant: "link", size: "sm", className: "p-1", onClick: () => onChange(withLike(decisions, step.kind, clash.field, found.taken)) }, `The same for all like this (${clash.label.toLowerCase()} of ${kindWord(hello, step.kind, 2).toLowerCase()})`) : null,
      found && !found.rule ? h(B.Button, { variant: "link", size: "sm", className: "p-1", "aria-label": `Undecided again: ${label}`, onClick: () => decide(null) }, "Undecided again") : null,
      found && found.rule ? h("span", { className: "text-muted sp-small" }, "By the rule for all like this.") : null
    ),
    own && field ? h(OwnValue, { id: `sp-own-${step.number}-${clash.field}-${clash.part}`, label: clash.label, field, clash, value: take === "value" && found ? found.taken.value : undefined, onTake: (value) => decide({ take: "value", value }) }) : null
  );
}

/** @param {{title: string, pieces: {text: string, same: boolean}[], chosen: boolean, children?: any}} props */
function Side({ title, pieces, chosen, children }) {
  return h(
    "div",
    { className: `sp-side-value ${chosen ? "sp-chosen" : ""}` },
    h("div", { className: "text-muted sp-small" }, title),
    h("div", { className: "sp-value" }, pieces.length ? pieces.map((piece, index) => (piece.same ? h("span", { key: index }, piece.text) : h("mark", { key: index }, piece.text))) : h("span", { className: "text-muted" }, "nothing")),
    children
  );
}

/** Both values in pieces: of lists the items, of texts the words. @param {PlanClash} clash @param {FieldInfo | undefined} field @param {(reference: string) => string} nameOf @returns {{text: string, same: boolean}[][]} */
function sides({ mine, theirs }, field, nameOf) {
  if (field && LISTS.includes(field.type)) {
    const [here, there] = [itemsOf(mine, field, nameOf), itemsOf(theirs, field, nameOf)];
    const { goes, comes } = difference(here, there);
    /** @param {string[]} items @param {string[]} own */
    const pieces = (items, own) => items.map((text, index) => ({ text: text + (index < items.length - 1 ? (field.type === "rows" ? "\n" : ", ") : ""), same: !own.includes(text) }));
    return [pieces(here, goes), pieces(there, comes)];
  }
  const [here, there] = [shown(mine, field, nameOf), shown(theirs, field, nameOf)];
  if (!here || !there || !field || field.type !== "text") return [here, there].map((text) => (text ? [{ text, same: true }] : []));
  return marked(here, there);
}

/** @param {{id: string, label: string, field: FieldInfo, clash: PlanClash, value: any, onTake: (value: any) => void}} props */
function OwnValue({ id, label, field, clash, value, onTake }) {
  const from = value === undefined ? clash.mine : value;
  const [typed, setTyped] = useState(Array.isArray(from) ? from.join("\n") : from === null || from === undefined ? "" : String(from));
  const { read, problem } = readValue(typed, field.type);
  const many = field.type === "texts" || (field.type === "text" && (typed.length > LONG || typed.includes("\n") || ["details", "description", "synopsis"].includes(field.name)));
  const control = field.type === "bool" ? { as: "select", className: "input-control" } : many ? { as: "textarea", rows: 3, className: "text-input" } : { type: "text", className: "text-input", inputMode: ["int", "float"].includes(field.type) ? "numeric" : undefined };
  return h(
    "form",
    {
      className: "sp-own",
      onSubmit: (/** @type {any} */ event) => {
        event.preventDefault();
        if (!problem) onTake(read);
      },
    },
    h("label", { htmlFor: id, className: "sp-small mb-0" }, `${label}${field.type === "texts" ? ", one a line" : ""}`),
    h(B.Form.Control, { id, value: typed, onChange: (/** @type {any} */ event) => setTyped(event.currentTarget.value), "aria-describedby": problem ? `${id}-problem` : undefined, ...control }, field.type === "bool" ? [h("option", { key: "true", value: "true" }, "Yes"), h("option", { key: "false", value: "false" }, "No")] : undefined),
    h("div", { className: "sp-buttons mt-1" }, h(B.Button, { type: "submit", size: "sm", variant: "primary", disabled: Boolean(problem) }, "Take this value"), h("span", { id: `${id}-problem`, role: "status", className: "text-warning" }, problem))
  );
}

/** What was typed as a value of the field. @param {string} typed @param {string} type @returns {{read: any, problem: string}} */
function readValue(typed, type) {
  const text = typed.trim();
  if (type === "bool") return { read: text === "true", problem: "" };
  if (type === "texts") return { read: typed.split("\n").map((line) => line.trim()).filter(Boolean), problem: "" };
  if (!text) return { read: null, problem: "" };
  if (type === "int") return { read: Number(text), problem: /^-?\d{1,9}$/.test(text) ? "" : "A whole number." };
  if (type === "float") return { read: Number(text), problem: Number.isFinite(Number(text)) ? "" : "A number." };
  if (type === "date") return { read: text, problem: /^\d{4}(-\d{2}(-\d{2})?)?$/.test(text) ? "" : "A date such as 2020-05-17, 2020-05 or 2020." };
  return { read: text, problem: "" };
}
