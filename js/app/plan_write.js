// The end of a plan: what is saved first, how it is taken back, how long it takes, and the button that writes.

import { B, Fragment, Icon, h, icons, useState } from "./host.js";
import { Hooks, Rollback, writesOf } from "./plan_totals.js";
import { Input, ProblemBox, Section, Warn } from "./parts.js";
import { WITHOUT_COPY } from "./restore_wish.js";
import { counted, duration } from "./words.js";

/**
 * @param {{plan: PlanFacts, hello: Hello, target: string, undoing: boolean, made: number, ready: boolean, busy: boolean, problem: Problem | null, onWrite: (more: Record<string, any>) => void}} props
 * `target`: the library's name; `undoing`: the plan takes a run back; `made`: decisions that are new; `ready`: they are known
 */
export function WriteSection({ plan, hello, target, undoing, made, ready, busy, problem, onWrite }) {
  const [refusal, setRefusal] = useState(/** @type {Record<string, any> | null} */ ({}));
  const writes = writesOf(plan);
  if (!writes && !made) {
    const waits = plan.conflicts ? " What is to be decided above waits for you." : plan.waiting ? " What waits for its files can be looked at again after a scan." : " This library already has all of it.";
    return h("p", { className: "sp-sentence mt-3" }, h(Icon, { icon: icons.faCircleCheck, className: "text-success mr-2" }), `There is nothing to write.${waits}`);
  }
  const words = [writes ? counted(writes, "change") : "", made ? `your ${counted(made, "decision")}` : ""].filter(Boolean).join(" and ");
  return h(
    Section,
    { title: undoing ? "Undo" : "Write" },
    h(
      "div",
      { className: "sp-block" },
      h("p", null, undoing ? `Takes back ${words} in ` : `Writes ${words} into `, h("strong", null, target), ". ", h("span", { className: "text-muted" }, `About ${duration(Math.max(1, plan.seconds))}${refusal && !refusal.confirm ? ", and the copy before it" : ""}. You can leave this page meanwhile.`)),
      made ? h("p", { className: "sub-heading" }, "With decisions, the plan is made again first, so that they are in it.") : null,
      h(Hooks, { plan }),
      h(Rollback, { plan, hello })
    ),
    h("div", { className: "sp-block" }, h(CopyFirst, { onChange: setRefusal })),
    h(
      "div",
      { className: "sp-block" },
      problem ? h(ProblemBox, { problem }) : null,
      h(B.Button, { variant: undoing ? "danger" : "primary", size: "lg", disabled: busy || !refusal || !ready, onClick: () => onWrite(refusal || {}) }, busy ? "Starting…" : undoing ? `Undo ${words}` : `Write ${words}`)
    )
  );
}

/**
 * Whether a copy is saved first: it can only be refused by typing so.
 * @param {{onChange: (refusal: Record<string, any> | null) => void}} props gets what the task is told: nothing, the refusal, or null while it is not typed out
 */
export function CopyFirst({ onChange }) {
  const [safe, setSafe] = useState(true);
  const [typed, setTyped] = useState("");
  /** @param {boolean} on @param {string} text */
  const tell = (on, text) => {
    setSafe(on);
    setTyped(text);
    onChange(on ? {} : text.trim() === WITHOUT_COPY ? { safety: false, confirm: WITHOUT_COPY } : null);
  };
  return h(
    Fragment,
    null,
    h(B.Form.Check, { custom: true, type: "checkbox", id: "sp-safety", label: "A copy of this library is saved first", checked: safe, onChange: (/** @type {any} */ event) => tell(event.currentTarget.checked, "") }),
    safe
      ? h("div", { className: "sub-heading pl-4" }, "A backup in the usual vault: you can return to it, whatever happens.")
      : h("div", { className: "sp-short mt-2" }, h(Warn, null, "Without it there is only the journal to go back by."), h(Input, { id: "sp-without", label: h("span", null, "Type ", h("code", null, WITHOUT_COPY), " to go on all the same"), autoComplete: "off", spellCheck: false, value: typed, onChange: (text) => tell(false, text) }))
  );
}
