// What a person has to decide before it is written: record by record, with rules for all of a sort. What is left undecided stays as it is, and waits.

import { B, Icon, h, icons, useEffect, useRef, useState } from "./host.js";
import { ask, problemOf } from "./ask.js";
import { ClashRow } from "./plan_clash.js";
import { decisionsMade, isDecided, wholeDecisions, withLike } from "./plan_decisions.js";
import { IdentityRows } from "./plan_identity.js";
import { useSteps } from "./plan_list.js";
import { useNames } from "./plan_names.js";
import { StepName } from "./plan_step.js";
import { fieldOf, kindWord } from "./plan_values.js";
import { ProblemBox, Section } from "./parts.js";
import { capital, count, counted } from "./words.js";

const PAGE = 20;

/**
 * The decisions about a plan, kept on the server a moment after each change.
 * @param {string} run @param {any} first those to begin with, where none are kept
 * @returns {{decisions: Decisions | null, change: (next: Decisions) => void, saved: boolean, problem: Problem | null}}
 */
export function useDecisions(run, first) {
  const [decisions, setDecisions] = useState(/** @type {Decisions | null} */ (null));
  const [saved, setSaved] = useState(true);
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const here = useRef(true);
  const timer = useRef(0);
  const pending = useRef(/** @type {Decisions | null} */ (null));
  const send = async () => {
    window.clearTimeout(timer.current);
    const next = pending.current;
    if (!next) return;
    pending.current = null;
    try {
      // None at all are none: the plan itself is written then.
      await ask({ mode: "decisions", run, decisions: decisionsMade(next) ? next : {} });
      if (here.current && !pending.current) setSaved(true);
      if (here.current) setProblem(null);
    } catch (error) {
      if (here.current) setProblem(problemOf(error));
    }
  };
  useEffect(() => {
    here.current = true;
    ask({ mode: "decisions", run }).then(
      ({ decisions: kept }) => here.current && setDecisions(wholeDecisions(Object.keys(kept || {}).length ? kept : first)),
      (error) => here.current && setProblem(problemOf(error))
    );
    return () => {
      here.current = false;
      send();
    };
  }, [run]);
  /** @param {Decisions} next */
  const change = (next) => {
    setDecisions(next);
    setSaved(false);
    pending.current = next;
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(send, 400);
  };
  return { decisions, change, saved, problem };
}

/** @param {{run: string, plan: PlanFacts, hello: Hello, kept: ReturnType<typeof useDecisions>}} props */
export function ConflictsSection({ run, plan, hello, kept }) {
  const { decisions, change, saved, problem: unsaved } = kept;
  const { steps, more, busy, problem, next } = useSteps(run, "conflict", "", PAGE);
  const nameOf = useNames(steps);
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  if (!plan.conflicts) return null;
  const open = decisions ? steps.filter((step) => !isDecided(decisions, step)) : steps;
  const toNext = () => {
    const found = list.current && /** @type {HTMLElement | null} */ (list.current.querySelector(".sp-clash:not(.sp-decided) :is(button, input)"));
    if (!found) return;
    found.focus({ preventScroll: true });
    const card = found.closest(".sp-conflict");
    if (card) card.scrollIntoView({ block: "start", behavior: "auto" });
  };
  return h(
    Section,
    { title: capital(`${counted(plan.conflicts, "record")} to decide`), note: "Both libraries tell something, and not the same; or nobody knows which record is which. What you leave undecided stays as it is here, and waits." },
    problem || unsaved ? h("div", { className: "sp-block" }, h(ProblemBox, { problem: /** @type {Problem} */ (problem || unsaved) })) : null,
    decisions ? h(Rules, { decisions, change, hello }) : null,
    decisions
      ? h(
          "ul",
          { ref: list, className: "sp-conflicts", "aria-label": "To decide" },
          steps.map((step) =>
            h(
              "li",
              { key: step.number, className: `sp-conflict sp-anchor ${isDecided(decisions, step) ? "" : "sp-conflict-open"}` },
              h("div", { className: "sp-step-head" }, h("span", null, h(StepName, { step, hello })), isDecided(decisions, step) ? h("span", { className: "sp-nowrap" }, h(Icon, { icon: icons.faCircleCheck, className: "text-success mr-1" }), "Decided") : h("span", { className: "sp-nowrap" }, h(Icon, { icon: icons.faCircleQuestion, className: "text-warning mr-1" }), "Waits")),
              step.candidates
                ? [h("p", { key: "why", className: "sub-heading mb-1" }, step.reason), h(IdentityRows, { key: "which", step, hello, decisions, onChange: change, nameOf })]
                : step.clashes.map((clash) => h(ClashRow, { key: `${clash.field} ${clash.part}`, step, clash, hello, decisions, onChange: change, nameOf }))
            )
          )
        )
      : null,
    h(
      "div",
      { className: "sp-block sp-decide-foot" },
      h("div", { className: "sp-buttons mt-0" }, more ? h(B.Button, { variant: "secondary", disabled: busy, onClick: next }, "Show more") : null, open.length && decisions ? h(B.Button, { variant: "secondary", onClick: toNext }, "Next undecided", h(Icon, { icon: icons.faChevronDown, className: "ml-2 sp-small" })) : null),
      h("span", { role: "status" }, busy && !steps.length ? "Reading the plan…" : `${count(steps.length - open.length)} of ${count(steps.length)}${more ? " shown" : ""} decided. ${saved ? "Kept." : "Keeping…"}`)
    )
  );
}

/** @param {{decisions: Decisions, change: (next: Decisions) => void, hello: Hello}} props */
function Rules({ decisions, change, hello }) {
  if (!decisions.like.length) return null;
  /** @type {Record<string, string>} */
  const words = { source: "the backup's", target: "this library's", both: "both", value: "the value that was typed" };
  return h(
    "div",
    { className: "sp-block" },
    h("h3", null, "For all like this"),
    h(
      "ul",
      { className: "sp-list mb-0" },
      decisions.like.map((rule) => {
        const field = fieldOf(hello, rule.kind, rule.field);
        const text = `${field ? field.label : rule.field} of ${kindWord(hello, rule.kind, 2).toLowerCase()}: ${words[rule.take] || rule.take}`;
        return h("li", { key: `${rule.kind} ${rule.field}` }, text, " ", h(B.Button, { variant: "link", size: "sm", className: "p-1", "aria-label": `Remove the rule: ${text}`, onClick: () => change(withLike(decisions, rule.kind, rule.field, null)) }, "Remove"));
      })
    ),
    h("p", { className: "sub-heading mb-0 mt-1" }, "What was decided for a single record counts before a rule.")
  );
}
