// Whether something will start the next run, told honestly, and the texts for a timer of the machine that needs nobody.

import { B, Fragment, Icon, h, icons, useEffect, useState } from "./host.js";
import { ask, problemOf } from "./ask.js";
import { Copyable, Fold, Labelled, ProblemBox, Warn } from "./parts.js";

const KINDS = [
  ["", "Whatever fits that machine"],
  ["systemd-user", "systemd, for one user"],
  ["systemd-system", "systemd, for the whole machine"],
  ["cron", "cron"],
  ["docker", "Docker"],
  ["windows", "Windows"],
];

/** @type {Record<string, string>} */
const AFTER = { yes: "After a restart of the machine: yes.", no: "After a restart of the machine: no, not before Stash Port is opened in Stash.", unknown: "After a restart of the machine: that cannot be told from here." };

/** @param {{starter: Starter, remarks: string[], needed: boolean}} props `needed`: something is scheduled */
export function Starter({ starter, remarks, needed }) {
  const [open, setOpen] = useState(false);
  const good = starter.starts;
  return h(
    "div",
    { className: "sp-block" },
    h("h3", null, "Who starts it"),
    needed || good
      ? h(
          Fragment,
          null,
          h("p", { className: "mb-1", role: "status" }, h(Icon, { icon: good ? icons.faCircleCheck : icons.faTriangleExclamation, className: `${good ? "text-success" : "text-warning"} mr-2` }), starter.text),
          h("p", { className: "mb-1" }, AFTER[starter.after_reboot] || AFTER.unknown)
        )
      : h("p", { className: "mb-1" }, "Nothing has to be started: nothing is scheduled."),
    remarks.map((remark) => h(Warn, { key: remark }, remark)),
    h(Fold, { id: "sp-install", label: "A timer of the machine, which needs nobody", open, onToggle: () => setOpen(!open), className: "pl-0" }),
    h("div", { id: "sp-install", hidden: !open }, open ? h(Install) : null)
  );
}

/** Instead of the text before it. @param {string} place */
const isOther = (place) => place.startsWith("or ");

/** What `schedule install` would set up: to be read and copied; nothing is written from here. */
function Install() {
  const [kind, setKind] = useState("");
  const [found, setFound] = useState(/** @type {InstallTexts | null} */ (null));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  useEffect(() => {
    let here = true;
    setFound(null);
    setProblem(null);
    ask({ mode: "schedule", action: "install", ...(kind ? { kind } : {}) }).then(
      (answer) => here && setFound(answer),
      (error) => here && setProblem(problemOf(error))
    );
    return () => {
      here = false;
    };
  }, [kind]);
  return h(
    "div",
    { className: "mt-2" },
    h("div", { className: "sp-short mb-3" }, h(Labelled, { id: "sp-install-kind", label: "For" }, h(B.Form.Control, { as: "select", id: "sp-install-kind", className: "input-control", value: kind, onChange: (/** @type {any} */ event) => setKind(event.currentTarget.value) }, KINDS.map(([value, name]) => h("option", { key: value, value }, name))))),
    problem ? h(ProblemBox, { problem }) : null,
    found
      ? h(
          Fragment,
          null,
          Object.entries(found.texts).sort(([a], [b]) => Number(isOther(a)) - Number(isOther(b))).map(([place, text]) => h("div", { key: place, className: "mb-3" }, h("p", { className: "mb-1" }, isOther(place) ? "Or into " : "Into ", h("strong", null, place.replace(/^or /, "")), ":"), h(Copyable, { text, what: `the text for ${place}`, block: true }))),
          found.commands.length ? h("div", { className: "mb-3" }, h("p", { className: "mb-1" }, "Then run:"), h(Copyable, { text: found.commands.join("\n"), what: "the commands", block: true })) : null,
          found.remarks.map((remark) => h("p", { key: remark, className: "sub-heading mb-1" }, remark)),
          h("p", { className: "sub-heading mb-0" }, "A Stash with a password also needs its API key: --api-key-file FILE before the address. ", h("code", null, "stash_port.py schedule install --write"), " writes the same for you.")
        )
      : problem
        ? null
        : h("p", { role: "status", className: "text-muted" }, "Writing it…")
  );
}
