// Small pieces that several pages draw: sections, rows, signs of a result, problems, paths to copy.

import { B, C, Icon, h, icons, useEffect, useRef, useState } from "./host.js";
import { ago, moment } from "./words.js";

let arrived = false;

/** The page's heading. Takes the focus when what had it is gone, so that a keyboard goes on from here. @param {{children?: any}} props */
export function Title({ children }) {
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const lost = !document.activeElement || document.activeElement === document.body;
    if (arrived && lost && heading.current) heading.current.focus({ preventScroll: true });
    arrived = true;
  }, []);
  return h("h1", { ref: heading, tabIndex: -1 }, children);
}

/** A heading and a card of rows, as on Stash's own settings pages. @param {{title: string, note?: any, aside?: any, children?: any}} props */
export function Section({ title, note, aside, children }) {
  return h(
    "section",
    { className: "setting-section" },
    h("div", { className: "sp-section-head" }, h("h2", null, title), aside || null),
    note ? h("div", { className: "sub-heading mb-2" }, note) : null,
    h(B.Card, null, children)
  );
}

/**
 * A section that stays small until somebody wants it; what is set in it stands in its heading.
 * @param {{id: string, title: string, summary?: string, open: boolean, onToggle: () => void, always?: any, children?: any}} props `always`: shown folded or not
 */
export function FoldSection({ id, title, summary, open, onToggle, always, children }) {
  return h(
    "section",
    { className: `setting-section sp-folded ${open ? "sp-open" : ""}` },
    h("div", { className: "sp-section-head" }, h("h2", { className: "sp-more" }, h(Fold, { id, label: title, open, onToggle })), summary ? h("span", { className: "text-muted" }, summary) : null),
    always || null,
    h(B.Collapse, { in: open, mountOnEnter: true }, h("div", { id }, h(B.Card, null, children)))
  );
}

/** A control under its label. @param {{id: string, label: any, help?: any, className?: string, children?: any}} props */
export function Labelled({ id, label, help, className, children }) {
  return h("div", { className: `sp-field ${className || ""}` }, h("label", { htmlFor: id, className: "sp-label" }, label), children, help ? h("div", { id: `${id}-help`, className: "sub-heading" }, help) : null);
}

/** A line of text under its label. @param {{id: string, label: any, help?: any, value: string, type?: string, placeholder?: string, onChange: (value: string) => void, [more: string]: any}} props */
export function Input({ id, label, help, value, type, onChange, ...more }) {
  return h(
    Labelled,
    { id, label, help },
    h(B.Form.Control, { id, type: type || "text", className: "text-input", value, "aria-describedby": help ? `${id}-help` : undefined, onChange: (/** @type {any} */ event) => onChange(event.currentTarget.value), ...more })
  );
}

/** One row with a control at its right. @param {{name: any, label?: string, help?: any, disabled?: boolean, children?: any}} props `label`: id of the control */
export function Row({ name, label, help, disabled, children }) {
  return h(C.Setting, { heading: label ? h("label", { htmlFor: label, className: "mb-0" }, name) : name, subHeading: help, disabled }, children);
}

/** A row with a switch. @param {{id: string, name: string, help?: any, checked: boolean, disabled?: boolean, onChange: (on: boolean) => void}} props */
export function SwitchRow({ id, name, help, checked, disabled, onChange }) {
  return h(
    Row,
    { name, label: id, help, disabled },
    h(B.Form.Switch, { id, checked, disabled, "aria-label": name, onChange: (/** @type {any} */ event) => onChange(event.currentTarget.checked) })
  );
}

/**
 * One of several, each with a line that explains it. `below`: what the one that is chosen needs to know.
 * @param {{name: string, legend: string, value: string, disabled?: boolean, columns?: boolean, pairs?: boolean, options: {value: string, label: any, help?: any, below?: any, disabled?: boolean}[], onChange: (value: string) => void}} props
 */
export function Choices({ name, legend, value, disabled, columns, pairs, options, onChange }) {
  return h(
    "fieldset",
    { className: `sp-choices ${columns ? "sp-choices-columns" : ""} ${pairs ? "sp-choices-pairs" : ""}`, disabled },
    h("legend", { className: "sr-only" }, legend),
    options.map((option) =>
      h(
        "div",
        { key: option.value, className: "sp-choice custom-control custom-radio" },
        h("input", {
          type: "radio",
          className: "custom-control-input",
          id: `${name}-${option.value}`,
          name,
          value: option.value,
          checked: option.value === value,
          disabled: option.disabled,
          "aria-describedby": option.help ? `${name}-${option.value}-help` : undefined,
          onChange: () => onChange(option.value),
        }),
        h("label", { className: "custom-control-label", htmlFor: `${name}-${option.value}` }, option.label),
        option.help ? h("div", { id: `${name}-${option.value}-help`, className: "sub-heading mt-0" }, option.help) : null,
        option.below && option.value === value ? option.below : null
      )
    )
  );
}

/** A button that folds something out. @param {{id: string, label: any, open: boolean, onToggle: () => void, className?: string, describe?: string}} props `id`: of what it opens */
export function Fold({ id, label, open, onToggle, className, describe }) {
  return h(
    B.Button,
    { variant: "link", className: `sp-fold ${className || ""}`, "aria-expanded": open, "aria-controls": id, "aria-label": describe, onClick: onToggle },
    h(Icon, { icon: open ? icons.faChevronDown : icons.faChevronRight, className: "fa-fw mr-1" }),
    label
  );
}

/** @type {Record<string, [string, string, string]>} result -> icon, word, colour class */
const SIGNS = {
  ok: ["faCircleCheck", "Done", "text-success"],
  partial: ["faTriangleExclamation", "Partly done", "text-warning"],
  failed: ["faCircleXmark", "Failed", "text-danger"],
  stopped: ["faCircleStop", "Stopped", "text-warning"],
  running: ["faCirclePlay", "Running", "text-info"],
  unknown: ["faCircleQuestion", "Unknown", "text-muted"],
};

/** What stands for a run: its result, or that it still runs. @param {RunSummary} run */
export function outcome(run) {
  if (!isOver(run)) return "running";
  if (run.error && run.error.error === "Stopped") return "stopped";
  if (run.result && run.result in SIGNS) return run.result;
  return run.error ? "failed" : "unknown";
}

/** @param {RunSummary} run */
export const isOver = (run) => Boolean(run.result) || run.state !== "running";

/** Sign, word and colour together. @param {{result: string, large?: boolean}} props */
export function Sign({ result, large }) {
  const [icon, word, colour] = SIGNS[result] || SIGNS.unknown;
  return h("span", { className: `sp-sign ${large ? "sp-sign-large" : ""}` }, h(Icon, { icon: icons[icon] || icons.faCircle, className: `${colour} mr-2` }), h("span", null, word));
}

/** What happened and what to do. `quiet`: inside something that says already that it failed. @param {{problem: Problem, children?: any, quiet?: boolean}} props */
export function ProblemBox({ problem, children, quiet }) {
  return h(
    "div",
    { className: quiet ? "sp-reason" : "sp-problem", role: quiet ? undefined : "alert" },
    h("p", null, quiet ? null : h(Icon, { icon: icons.faCircleXmark, className: "text-danger mr-2" }), h("strong", null, problem.message)),
    problem.hint ? h("p", { className: "mb-0" }, problem.hint) : null,
    children || null
  );
}

/** Attention without alarm. @param {{children?: any}} props */
export function Warn({ children }) {
  return h("div", { className: "sp-warn" }, h(Icon, { icon: icons.faTriangleExclamation, className: "text-warning mr-2" }), h("span", null, children));
}

/** A moment: how long ago, and exactly. @param {{iso: string | null | undefined}} props */
export function When({ iso }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = window.setInterval(() => tick((n) => n + 1), 30000);
    return () => window.clearInterval(timer);
  }, []);
  if (!iso) return null;
  return h("time", { dateTime: iso, className: "sp-when" }, ago(iso), " ", h("span", { className: "text-muted" }, moment(iso)));
}

/** @param {string} text @returns {Promise<void>} */
export async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  document.body.appendChild(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** Text with a button that copies it. @param {{text: string, what: string, block?: boolean}} props */
export function Copyable({ text, what, block }) {
  const [done, setDone] = useState(false);
  const timer = useRef(0);
  const here = useRef(true);
  useEffect(
    () => () => {
      here.current = false;
      window.clearTimeout(timer.current);
    },
    []
  );
  const onClick = () =>
    copy(text).then(() => {
      if (!here.current) return;
      setDone(true);
      window.clearTimeout(timer.current);
      timer.current = window.setTimeout(() => setDone(false), 2000);
    });
  return h(
    "span",
    { className: `sp-copy ${block ? "sp-copy-block" : ""}` },
    h("code", null, text),
    h(
      B.Button,
      { variant: "secondary", className: "minimal", size: "sm", onClick, "aria-label": done ? "Copied" : `Copy ${what}`, title: done ? "Copied" : `Copy ${what}` },
      h(Icon, { icon: done ? icons.faCheck : icons.faCopy })
    )
  );
}
