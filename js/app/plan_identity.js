// Records of which nobody knows which is which: a person says which one it is, that it is none of them, or that it is left out.

import { Link, h } from "./host.js";
import { givenTo, identityOf, withIdentity } from "./plan_decisions.js";
import { pageOf } from "./plan_step.js";
import { kindWord } from "./plan_values.js";
import { Choices } from "./parts.js";

/** @param {import("./plan_clash.js").Deciding} props */
export function IdentityRows({ step, hello, decisions, onChange, nameOf }) {
  const { source, target } = step.candidates || { source: [], target: [] };
  return h(
    "div",
    null,
    source.map((one) => h(WhichOne, { key: one.number, one, alone: source.length === 1, target, step, hello, decisions, onChange, nameOf }))
  );
}

/** @param {import("./plan_clash.js").Deciding & {one: Candidate, alone: boolean, target: Candidate[]}} props */
function WhichOne({ one, alone, target, step, hello, decisions, onChange, nameOf }) {
  const now = identityOf(decisions, step.kind, one.number);
  const word = kindWord(hello, step.kind).toLowerCase();
  const name = one.name || (alone ? step.name : "") || `${word} ${one.number}`;
  /** @param {Candidate} other */
  const nameOfTarget = (other) => other.name || nameOf(`${step.kind}:${other.number}`);
  const options = target.map((other) => {
    const taken = givenTo(decisions, step.kind, other.number);
    const gone = Boolean(taken && taken.source !== one.number);
    const page = pageOf(`${step.kind}:${other.number}`);
    return {
      value: String(other.number),
      label: `It is ${nameOfTarget(other)}`,
      help: gone ? "Another one was said to be this." : h("span", null, `Number ${other.number} here. `, page ? h(Link, { to: page, target: "_blank" }, "Look at it", h("span", { className: "sr-only" }, " (opens in a new tab)")) : null),
      disabled: gone,
    };
  });
  // A name that another record has stands in the way of a new one too.
  const fresh = target.length ? [{ value: "new", label: "None of them: create it", help: `A new ${word} is made.` }] : [];
  const rest = [
    { value: "leave", label: "Leave it out", help: "What refers to it comes without it." },
    { value: "", label: "Not decided", help: "It waits; nothing is done with it." },
  ];
  return h(
    "div",
    { className: `sp-clash ${now === null ? "" : "sp-decided"}` },
    h("div", { className: "sp-clash-label" }, h("strong", null, target.length ? `Which one is ${name} of the backup?` : `What becomes of ${name} of the backup?`), h("span", { className: "text-muted sp-small" }, ` Number ${one.number} there.`)),
    target.length ? null : h("p", { className: "sub-heading" }, "It cannot be made beside what is here. Rename one of the two and make the plan anew, or leave it out."),
    h(Choices, {
      name: `sp-which-${step.kind}-${one.number}`,
      legend: `Which one is ${name}`,
      pairs: true,
      value: now === null ? "" : String(now),
      options: [...options, ...fresh, ...rest],
      onChange: (/** @type {string} */ value) => onChange(withIdentity(decisions, step.kind, one.number, value === "" ? null : value === "new" || value === "leave" ? value : Number(value))),
    })
  );
}
