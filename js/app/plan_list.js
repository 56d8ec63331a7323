// The steps of a plan, page by page: by what is done and by kind.

import { B, h, useEffect, useRef, useState } from "./host.js";
import { ask, problemOf } from "./ask.js";
import { useNames } from "./plan_names.js";
import { ACTIONS, StepRow } from "./plan_step.js";
import { sums } from "./plan_totals.js";
import { Labelled, ProblemBox, Section } from "./parts.js";
import { counted } from "./words.js";

/** A glance first; more in larger portions. */
const [FIRST, MORE] = [10, 50];

/** Candidates as the page takes them, from either of the two forms. @param {any} step @returns {PlanStep} */
function taken(step) {
  const found = step.candidates;
  if (!found) return step;
  /** @param {any[]} side */
  const side = (side) => side.map((one) => (typeof one === "number" ? { number: one, name: "" } : one));
  return { ...step, candidates: Array.isArray(found) ? { source: side(found[0]), target: side(found[1]) } : { source: side(found.source), target: side(found.target) } };
}

/**
 * Steps of a plan, a page at a time.
 * @param {string} run @param {string} action @param {string} kind @param {number} [first] steps at first
 * @returns {{steps: PlanStep[], more: boolean, busy: boolean, problem: Problem | null, next: () => void}}
 */
export function useSteps(run, action, kind, first = FIRST) {
  const [found, setFound] = useState(/** @type {{key: string, steps: PlanStep[], more: boolean}} */ ({ key: "", steps: [], more: false }));
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const key = `${run} ${action} ${kind}`;
  const wanted = useRef("");
  /** @param {PlanStep[]} before */
  const read = async (before) => {
    wanted.current = key;
    setBusy(true);
    setProblem(null);
    try {
      const answer = await ask({ mode: "plan", run, ...(action ? { action } : {}), ...(kind ? { kind } : {}), after: before.length ? before[before.length - 1].number : 0, most: before.length ? MORE : first });
      if (wanted.current === key) setFound({ key, steps: [...before, ...answer.steps.map(taken)], more: answer.more });
    } catch (error) {
      if (wanted.current === key) setProblem(problemOf(error));
    }
    if (wanted.current === key) setBusy(false);
  };
  useEffect(() => {
    read([]);
    return () => {
      wanted.current = "";
    };
  }, [key]);
  const current = found.key === key;
  return { steps: current ? found.steps : [], more: current && found.more, busy: busy || (!current && !problem), problem, next: () => read(found.steps) };
}

/** @param {{run: string, plan: PlanFacts, hello: Hello, shown: import("./plan_totals.js").Shown, onShow: (shown: import("./plan_totals.js").Shown) => void, onDecide?: () => void}} props */
export function ListSection({ run, plan, hello, shown, onShow, onDecide }) {
  const { steps, more, busy, problem, next } = useSteps(run, shown.action, shown.kind);
  const nameOf = useNames(steps);
  const together = sums(plan);
  const actions = ["create", "update", "delete", "conflict", "deferred", "skip"].filter((action) => together[action]);
  const kinds = hello.kinds.filter((kind) => plan.totals[kind.plural] && Object.entries(plan.totals[kind.plural]).some(([action, number]) => number && action !== "unchanged"));
  if (!actions.length && !plan.writes) return null;
  /** @param {string} id @param {string} label @param {string} value @param {[string, string][]} options @param {(value: string) => void} write */
  const select = (id, label, value, options, write) =>
    h(
      Labelled,
      { id, label },
      h(
        B.Form.Control,
        { as: "select", id, className: "input-control", value, onChange: (/** @type {any} */ event) => write(event.currentTarget.value) },
        options.map(([name, words]) => h("option", { key: name, value: name }, words))
      )
    );
  return h(
    Section,
    { title: "One by one" },
    h(
      "div",
      { className: "sp-block sp-filter-grid" },
      select("sp-list-action", "What happens", shown.action, [["", "Everything that is planned"], ...actions.map((action) => /** @type {[string, string]} */ ([action, ACTIONS[action][4]]))], (action) => onShow({ ...shown, action })),
      select("sp-list-kind", "Kind", shown.kind, [["", "All kinds"], ...kinds.map((kind) => /** @type {[string, string]} */ ([kind.name, kind.label]))], (kind) => onShow({ ...shown, kind }))
    ),
    problem ? h("div", { className: "sp-block" }, h(ProblemBox, { problem })) : null,
    h("ul", { className: "sp-steps", "aria-label": "Steps of the plan" }, steps.map((step) => h(StepRow, { key: step.number, step, hello, nameOf, onDecide }))),
    h(
      "div",
      { className: "sp-block" },
      h("span", { role: "status", className: "text-muted mr-3" }, busy ? "Reading the plan…" : steps.length ? `${counted(steps.length, "step")} shown${more ? "" : ", that is all"}.` : "None of these is listed one by one."),
      more ? h(B.Button, { variant: "secondary", disabled: busy, onClick: next }, "Show more") : null
    )
  );
}
