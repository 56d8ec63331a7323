// The page of a plan: what would be done, what has to be decided, and the button that does it. A plan that was written shows what it left open.

import { C, HOME, Icon, Link, h, icons, useEffect, useHistory, useParams, useRef, useState } from "./host.js";
import { ask, problemOf } from "./ask.js";
import { ConflictsSection, useDecisions } from "./plan_conflicts.js";
import { decisionsMade, wholeDecisions } from "./plan_decisions.js";
import { ListSection } from "./plan_list.js";
import { LossesSection, TotalsSection, sums } from "./plan_totals.js";
import { Stripe, WholePlan } from "./plan_whole.js";
import { WriteSection } from "./plan_write.js";
import { useWriting } from "./plan_writing.js";
import { ProblemBox, Title, Warn, When, isOver } from "./parts.js";
import { sourceOf, targetOf } from "./restore_runs.js";
import { Waiting } from "./restore_waiting.js";
import { ResultCard } from "./result.js";

/** @param {{hello: Hello}} props */
export function PlanPage({ hello }) {
  const { run } = useParams();
  const history = useHistory();
  const [record, setRecord] = useState(/** @type {RunRecord | null} */ (null));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  useEffect(() => {
    let here = true;
    setRecord(null);
    ask({ mode: "run", run }).then(
      ({ run: found }) => {
        if (!here) return;
        // Its progress is shown where runs are shown.
        if (!isOver(found)) history.replace(`${HOME}/runs/${run}`);
        else setRecord(found);
      },
      (error) => here && setProblem(problemOf(error))
    );
    return () => {
      here = false;
    };
  }, [run]);
  return h(
    "div",
    { className: "sp-page sp-wide" },
    h("p", { className: "sp-back" }, h(Link, { to: { pathname: `${HOME}/restore`, state: record && record.verb === "restore" ? { config: record.config } : undefined } }, h(Icon, { icon: icons.faChevronLeft, className: "mr-1 sp-small" }), "Another choice")),
    problem ? [h("h1", { key: "h" }, "Plan"), h(ProblemBox, { key: "p", problem })] : record ? h(Content, { key: run, record, hello }) : h(C.LoadingIndicator, { message: "" })
  );
}

/** @param {{record: RunRecord, hello: Hello}} props */
function Content({ record, hello }) {
  const notes = record.notes || {};
  if (notes.plan) return h(Plan, { record, plan: notes.plan, hello });
  if (notes.database_plan || (record.verb === "rollback" && record.config && record.config.dryRun && !record.error)) return h(WholePlan, { record, hello });
  return [h(Title, { key: "h" }, "Plan"), h(ResultCard, { key: "r", record, details: true })];
}

/** @param {{record: RunRecord, plan: PlanFacts, hello: Hello}} props */
function Plan({ record, plan, hello }) {
  const config = record.config || {};
  const undoing = record.verb === "rollback";
  const written = config.dryRun !== true;
  const together = sums(plan);
  const first = ["create", "update", "delete", "deferred", "skip"].find((action) => together[action]) || "";
  const [shown, setShown] = useState({ action: first, kind: "" });
  const kept = useDecisions(record.run, config.decisions);
  const { busy, problem, write, unlock } = useWriting(record);
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  const decide = useRef(/** @type {HTMLElement | null} */ (null));
  const target = targetOf(record);
  const source = sourceOf(record);
  /** @param {import("./plan_totals.js").Shown} next */
  const show = (next) => {
    setShown(next);
    if (list.current) list.current.scrollIntoView({ block: "start" });
  };
  const loading = useLoad(record, plan);
  const all = kept.decisions && plan.conflicts ? decisionsMade(kept.decisions) : 0;
  const made = written ? all - decisionsMade(wholeDecisions(config.decisions)) : all;
  const seen = loading ? loaded(plan) : plan;
  /** @param {Record<string, any>} more */
  const onWrite = (more) => {
    if (loading) return write("restore", { ...config, dryRun: false, ...more }, `Restore ${source} into ${target}`);
    if (undoing) return write("rollback", { run: (record.notes || {}).undoes, ...more }, `Undo a run in ${target}`);
    return write("apply", { run: record.run, ...(all ? { decisions: kept.decisions } : {}), ...more }, `Restore ${source} into ${target}`);
  };
  return h(
    "div",
    null,
    h(Title, null, written ? "What is left to decide" : undoing ? "Plan: undo" : "Plan"),
    written ? h("p", { className: "sp-lead" }, `Of what was restored into ${target}. `, h(Link, { to: `${HOME}/runs/${record.run}` }, "The run")) : h(Stripe, null, undoing ? `This is what undoing would do to ${target}.` : `From ${source} into ${target}, made `, undoing ? null : h(When, { iso: record.finished }), undoing ? null : "."),
    (record.warnings || []).slice(0, 5).map((warning, index) => h(Warn, { key: index }, warning)),
    written ? null : h(TotalsSection, { plan: seen, hello, shown, onShow: loading ? undefined : show }),
    written || loading ? null : h(LossesSection, { plan, hello }),
    h("div", { ref: decide, className: "sp-anchor" }, h(ConflictsSection, { run: record.run, plan, hello, kept })),
    loading ? h("p", { className: "sp-block" }, h(Icon, { icon: icons.faDatabase, className: "text-info mr-2" }), "This library is empty, so the backup's whole database is loaded into it at once, exactly as it was. Files are made known as well: nothing waits for a scan.") : h(Waiting, { record, plan, hello }),
    written || loading ? null : h("div", { ref: list, className: "sp-anchor" }, h(ListSection, { run: record.run, plan, hello, shown, onShow: setShown, onDecide: () => decide.current && decide.current.scrollIntoView({ block: "start" }) })),
    unlock || h(WriteSection, { plan: written ? { ...plan, totals: {}, writes: 0 } : seen, hello, target, undoing, made, ready: !plan.conflicts || Boolean(kept.decisions), busy, problem, onWrite })
  );
}

/**
 * Whether a whole backup goes into an empty library by the way that fills tables: then the plan's steps are not what is written.
 * @param {RunRecord} record @param {PlanFacts} plan
 */
function useLoad({ verb, config }, plan) {
  const { method, kinds, fields, filters, dryRun } = config || {};
  const some = [kinds, fields, filters].some((one) => one && Object.keys(one).length);
  const could = verb === "restore" && dryRun === true && method === "bulk" && !some && Object.keys(sums(plan)).every((action) => ["create", "deferred", "skip"].includes(action));
  const [full, setFull] = useState(plan.whole === true);
  const [, vault, id] = /^(.*)#([^#/\\]*)$/.exec(String((config || {}).source || "")) || [];
  useEffect(() => {
    if (!could || plan.whole !== undefined || !id) return undefined;
    let here = true;
    // Only one that holds the database can be loaded.
    ask({ mode: "backups", ...(vault ? { vault } : {}) }).then(
      ({ backups }) => here && setFull(backups.some((/** @type {Backup} */ one) => one.id === id && one.kind === "full")),
      () => undefined
    );
    return () => {
      here = false;
    };
  }, []);
  return could && full;
}

/** A plan in which nothing waits. @param {PlanFacts} plan @returns {PlanFacts} */
function loaded(plan) {
  const totals = Object.fromEntries(Object.entries(plan.totals).map(([plural, row]) => [plural, { create: Object.values(row).reduce((sum, number) => sum + number, 0) }]));
  return { ...plan, totals, waiting: 0, writes: 0 };
}
