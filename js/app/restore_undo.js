// What can be done about a run that changed a library: look at its plan, decide what it left open, undo it, go on where it was cut off, open what was locked.

import { B, HOME, Icon, Link, h, icons, useEffect, useHistory, useLocation, useRef, useState } from "./host.js";
import { Unlock } from "./backups_unlock.js";
import { dayTime } from "./backups_words.js";
import { useGuarded } from "./guarded.js";
import { ProblemBox, Section, Warn, outcome } from "./parts.js";
import { Rollback } from "./plan_totals.js";
import { CHANGING, LOCKED, begin, isPlan, targetOf } from "./restore_runs.js";
import { Waiting } from "./restore_waiting.js";
import { count, counted, listed } from "./words.js";

/** Errors that say that a plan cannot be written any more. */
const STALE = ["PlanStale", "PlanChanged"];

/** @param {{record: RunRecord, hello: Hello}} props */
export function RunActions({ record, hello }) {
  const notes = record.notes || {};
  if (!CHANGING.includes(record.verb) || outcome(record) === "running") return null;
  if (record.error && LOCKED.includes(record.error.error)) return h(Locked, { record });
  if (isPlan(record)) return record.error ? null : h("p", null, h(Link, { to: `${HOME}/restore/${record.run}`, className: "btn btn-primary" }, "Look at the plan"));
  return h(
    "div",
    null,
    record.error && STALE.includes(record.error.error) ? h("p", null, h(Link, { to: { pathname: `${HOME}/restore`, state: { config: record.config } }, className: "btn btn-primary" }, "Make the plan anew")) : null,
    record.error && notes.plan && notes.journal ? h(Continue, { record }) : null,
    notes.plan && notes.plan.conflicts && record.verb !== "rollback" ? h(ToDecide, { record }) : null,
    notes.plan ? h(Waiting, { record, plan: notes.plan, hello }) : null,
    h(Verified, { record }),
    notes.undo ? h(Undo, { record, hello }) : null
  );
}

/** @param {{record: RunRecord}} props */
function ToDecide({ record }) {
  const { conflicts } = (record.notes || {}).plan;
  return h(
    "div",
    { className: "sp-warn" },
    h("p", { className: "mb-2" }, h(Icon, { icon: icons.faCircleQuestion, className: "text-warning mr-2" }), h("strong", null, `${counted(conflicts, "record")} ${conflicts === 1 ? "waits" : "wait"} for your decision.`), " What is not decided stayed as it was."),
    h(Link, { to: `${HOME}/restore/${record.run}`, className: "btn btn-secondary" }, "Decide")
  );
}

/** What reading it again found. @param {{record: RunRecord}} props */
function Verified({ record }) {
  const { verified, safety } = record.notes || {};
  const lines = verified ? [verified.left ? `Read again: ${counted(verified.left, "change")} ${verified.left === 1 ? "is" : "are"} not there.` : "Read again: everything that was planned is there."] : [];
  if (!lines.length && !safety) return null;
  return h(
    "div",
    { className: "mb-3" },
    lines.map((line) => h("p", { key: line, className: "mb-1" }, h(Icon, { icon: verified.left ? icons.faTriangleExclamation : icons.faCircleCheck, className: `${verified.left ? "text-warning" : "text-success"} mr-2` }), line)),
    verified ? (verified.differences || []).slice(0, 10).map((/** @type {string} */ line) => h("p", { key: line, className: "mb-1 text-muted" }, line)) : null,
    safety ? h("p", { className: "mb-1" }, h(Icon, { icon: icons.faBoxArchive, className: "text-muted mr-2" }), "The library as it was before is saved as the backup ", h("code", null, safety.id), ". ", h(Link, { to: `${HOME}/backups` }, "Backups")) : null
  );
}

/** A run that was cut off. @param {{record: RunRecord}} props */
function Continue({ record }) {
  const history = useHistory();
  const { busy, problem, guarded } = useGuarded();
  const go = () => guarded(async () => history.push(await begin("resume", { run: record.run }, `Going on with a run in ${targetOf(record)}`)));
  return h(
    Section,
    { title: "It was cut off" },
    h(
      "div",
      { className: "sp-block" },
      h("p", null, "What was written is known to the last change. Continue does the rest, and nothing twice; or undo what was done so far."),
      problem ? h(ProblemBox, { problem }) : null,
      h(B.Button, { variant: "primary", disabled: busy, onClick: go }, h(Icon, { icon: icons.faPlay, className: "mr-2" }), busy ? "Starting…" : "Continue")
    )
  );
}

/** Created and changed records by kind. @param {RunRecord} record @param {Hello} hello @param {string} which */
function numbers(record, hello, which) {
  const kinds = hello.kinds.filter((kind) => (record.counts || {})[kind.name]?.[which]);
  return kinds.map((kind) => {
    const number = (record.counts || {})[kind.name][which];
    return `${count(number)} ${number === 1 ? kind.name.replace(/_/g, " ") : kind.label.toLowerCase()}`;
  });
}

/** Asks with names and numbers; looks first, or does it. @param {{record: RunRecord, hello: Hello}} props */
function Undo({ record, hello }) {
  const history = useHistory();
  const asked = useLocation().state || {};
  const notes = record.notes || {};
  const [open, setOpen] = useState(Boolean(asked.undo));
  const { busy, problem, guarded } = useGuarded();
  const first = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (open && first.current) first.current.focus();
  }, [open]);
  if (notes.undo !== "possible") return h("p", { className: "text-muted" }, h(Icon, { icon: icons.faRotateLeft, className: "mr-2" }), `It cannot be undone: ${notes.undo}`);
  const target = targetOf(record);
  const [made, changed] = [numbers(record, hello, "created"), numbers(record, hello, "updated")];
  const whole = Boolean(notes.database);
  /** @param {Record<string, any>} more @param {string} words */
  const go = (more, words) => guarded(async () => history.push(await begin("rollback", { run: record.run, ...more }, words)));
  return h(
    Section,
    { title: "Undo" },
    h(
      "div",
      { className: "sp-block" },
      problem ? h(ProblemBox, { problem }) : null,
      open
        ? h(
            "div",
            { role: "group", "aria-label": "Undo this run?" },
            h("p", null, h("strong", null, `Take back what this run did to ${target}, ${dayTime(record.started || "")}?`)),
            whole
              ? h("p", null, "Stash is pointed at the database that it had before; what was added since the restore is in the other one, which stays.")
              : h(
                  "ul",
                  { className: "sp-list" },
                  made.length ? h("li", null, `Deleted again: ${listed(made)}.`) : null,
                  changed.length ? h("li", null, `Put back as before: ${listed(changed)}.`) : null,
                  h("li", null, "What was changed by somebody since, and what is used elsewhere by now, stays and is listed.")
                ),
            notes.plan ? h(Rollback, { plan: notes.plan, hello }) : null,
            h(
              "div",
              { className: "sp-buttons" },
              whole ? null : h(B.Button, { ref: first, variant: "primary", disabled: busy, onClick: () => go({ dryRun: true }, `Looking what undoing would do to ${target}, nothing is written`) }, "Look first what it would do"),
              h(B.Button, { variant: "danger", disabled: busy, onClick: () => go({}, `Undoing a run in ${target}`) }, busy ? "Starting…" : "Undo now"),
              h(B.Button, { variant: "secondary", onClick: () => setOpen(false) }, "Leave it as it is")
            )
          )
        : h(B.Button, { variant: "secondary", onClick: () => setOpen(true) }, h(Icon, { icon: icons.faRotateLeft, className: "mr-2" }), "Undo this run")
    )
  );
}

/** It stopped before anything was done, because something is locked. @param {{record: RunRecord}} props */
function Locked({ record }) {
  const history = useHistory();
  const { problem, guarded } = useGuarded();
  const notes = record.notes || {};
  const config = record.config || {};
  const words = isPlan(record) ? "Make a plan" : record.verb === "rollback" ? "Undo a run" : "Restore";
  /** @param {Record<string, any>} more */
  const again = (more) => {
    const safety = config.safety === false ? { safety: false, confirm: config.confirm } : {};
    const given = notes.plan_of ? { run: notes.plan_of, ...(Object.keys(config.decisions || {}).length ? { decisions: config.decisions } : {}), ...safety } : notes.waiting_of ? { run: notes.waiting_of, dryRun: config.dryRun } : notes.undoes ? { run: notes.undoes, dryRun: config.dryRun, ...safety } : notes.resumes ? { run: notes.resumes } : config;
    const mode = notes.resumes ? "resume" : notes.plan_of ? "apply" : notes.waiting_of ? "waiting" : record.verb;
    return guarded(async () => history.push(await begin(mode, { ...given, ...more }, words)));
  };
  return h("div", null, problem ? h(ProblemBox, { problem }) : null, h(Warn, null, "Nothing was written."), h(Unlock, { words, keyName: "", carrying: false, onCancel: () => history.push(`${HOME}/runs`), onOpen: again }));
}
