// One run in full: result, numbers, warnings, items, files, settings.

import { B, HOME, Icon, Link, client, h, icons, useEffect, useHistory, useParams, useState } from "./host.js";
import { ask, isOurs, jobQueue, problemOf } from "./ask.js";
import { keep, kept, keptBy, useRun } from "./follow.js";
import { Fold, ProblemBox, Section, Title, When, isOver, outcome } from "./parts.js";
import { ProgressCard } from "./progress.js";
import { CHANGING, isPlan } from "./restore_runs.js";
import { RunActions } from "./restore_undo.js";
import { ResultCard } from "./result.js";
import { capital, count, counted } from "./words.js";

/** @param {{hello: Hello}} props */
export function RunPage({ hello }) {
  const { run } = useParams();
  const [record, setRecord] = useState(/** @type {RunRecord | null} */ (null));
  const [job, setJob] = useState(/** @type {string | null} */ (null));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const [begun, setBegun] = useState(/** @type {Following | null} */ (null));
  useEffect(() => {
    let here = true;
    const read = async () => {
      try {
        const found = (await ask({ mode: "run", run })).run;
        const page = keptBy(run);
        let id = page ? kept(page)?.job || null : null;
        if (!id && !isOver(found)) id = (await jobQueue().catch(() => /** @type {Job[]} */ ([]))).find((one) => one.status === "RUNNING" && isOurs(one))?.id || null;
        if (!here) return;
        setJob(id);
        setRecord(found);
      } catch (error) {
        const page = keptBy(run);
        if (!here) return;
        // What this tab has just begun may still wait in Stash's queue.
        if (page) setBegun(kept(page));
        else setProblem(problemOf(error));
      }
    };
    setRecord(null);
    setBegun(null);
    setProblem(null);
    read();
    return () => {
      here = false;
    };
  }, [run]);
  // From one run's page to another's, the first moment still has what was read of the first.
  const known = record && record.run === run ? record : null;
  const going = begun && begun.run === run ? begun : null;
  return h(
    "div",
    { className: "sp-page" },
    h("p", { className: "sp-back" }, h(Link, { to: `${HOME}/runs` }, h(Icon, { icon: icons.faChevronLeft, className: "mr-1 sp-small" }), "All runs")),
    problem ? [h("h1", { key: "h" }, "Run"), h(ProblemBox, { key: "p", problem })] : known || going ? h(Run, { key: run, run, known, begun: going, job: going ? going.job : job, hello }) : h("h1", null, "Run")
  );
}

/** @param {{run: string, known: RunRecord | null, begun: Following | null, job: string | null, hello: Hello}} props `known`: null before it has written a word */
function Run({ run, known, begun, job: id, hello }) {
  const state = useRun({ run, job: known && isOver(known) ? null : id, record: known });
  const record = state.record || known;
  const result = record ? outcome(record) : state.problem ? "failed" : "running";
  const history = useHistory();
  useEffect(() => {
    if (result === "running") return;
    // Its end has been seen here: the page that began it need not show it again.
    const page = keptBy(run);
    if (page) keep(null, page);
    // Stash's own pages hold what they have read: they read anew what was changed.
    if (record && CHANGING.includes(record.verb) && !(known && isOver(known))) client().resetStore().catch(() => undefined);
  }, [result]);
  const going = { run, job: state.job, ahead: state.ahead, silent: state.silent, what: begun ? begun.what : undefined, since: begun ? begun.since : undefined, onGone: () => history.push(`${HOME}/runs`) };
  if (!record) return [h(Title, { key: "h" }, "Run"), state.problem ? h(ProblemBox, { key: "p", problem: state.problem }) : h(ProgressCard, { key: "go", ...going, record: null })];
  return [
    h(Title, { key: "h" }, capital(record.verb)),
    h("p", { key: "w", className: "sp-lead" }, h(When, { iso: record.started || record.finished })),
    state.problem ? h(ProblemBox, { key: "p", problem: state.problem }) : null,
    result === "running" && !state.problem ? h(ProgressCard, { key: "go", ...going, record }) : null,
    result !== "running" ? h(ResultCard, { key: "r", record }) : null,
    h(RunActions, { key: "a", record, hello }),
    isPlan(record) ? null : h(CountsSection, { key: "c", record, hello }),
    h(Warnings, { key: "wa", warnings: record.warnings || [], total: record.warnings_total || (record.warnings || []).length }),
    h(Items, { key: "i", record, hello }),
    h(Settings, { key: "s", record }),
  ];
}

/** Verbs that write to no library: what they call created is a record in a file. */
const ONLY_READING = ["export", "backup", "verify", "compare", "check"];
// The order is ours: what comes through Stash has its keys sorted.
const OUTCOMES = ["in", "created", "updated", "unchanged", "skipped", "conflicts", "failed"];

/** The name of a kind for one or many. @param {Hello} hello @param {string} kind @param {number} n */
function named(hello, kind, n) {
  const known = hello.kinds.find((one) => one.name === kind);
  return n !== 1 && known ? known.label : capital(kind.replace(/_/g, " "));
}

/** Numbers by kind; outcomes that nothing had are left out. @param {{record: RunRecord, hello: Hello}} props */
function CountsSection({ record, hello }) {
  const order = hello.kinds.map((kind) => kind.name);
  const rows = Object.entries(record.counts || {}).sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  if (!rows.length) return null;
  const columns = OUTCOMES.filter((column) => rows.some(([, row]) => row[column]));
  /** @type {Record<string, string>} */
  const names = { in: "Read", created: ONLY_READING.includes(record.verb) ? "Written" : "Created" };
  return h(
    Section,
    { title: "Numbers" },
    h(
      "div",
      { className: "sp-scroll" },
      h(
        "table",
        { className: "table table-sm mb-0" },
        h("thead", null, h("tr", null, h("th", { scope: "col" }, "Kind"), columns.map((column) => h("th", { key: column, scope: "col", className: "sp-number" }, names[column] || capital(column))))),
        h(
          "tbody",
          null,
          rows.map(([kind, row]) => h("tr", { key: kind }, h("th", { scope: "row" }, named(hello, kind, 2)), columns.map((column) => h("td", { key: column, className: "sp-number" }, count(row[column] || 0)))))
        ),
        rows.length > 1
          ? h("tfoot", null, h("tr", null, h("th", { scope: "row" }, "Together"), columns.map((column) => h("td", { key: column, className: "sp-number" }, count(rows.reduce((sum, [, row]) => sum + (row[column] || 0), 0))))))
          : null
      )
    )
  );
}

/** @param {{warnings: string[], total: number}} props */
function Warnings({ warnings, total }) {
  if (!warnings.length) return null;
  return h(
    Section,
    { title: capital(counted(total, "warning")) },
    h("ul", { className: "sp-block sp-list" }, warnings.map((warning, index) => h("li", { key: index }, warning))),
    total > warnings.length ? h("p", { className: "sp-block text-muted" }, `The first ${count(warnings.length)} are shown.`) : null
  );
}

/** Each record that something is to be said about, after the reasons with their numbers. @param {{record: RunRecord, hello: Hello}} props */
function Items({ record, hello }) {
  const [shown, setShown] = useState(50);
  const items = record.items || [];
  const reasons = record.reasons || [];
  if (!items.length) return null;
  const all = record.items_total || items.length;
  return h(
    Section,
    { title: capital(counted(all, "item")) },
    reasons.length ? h("ul", { className: "sp-block sp-list" }, reasons.map((row, index) => h("li", { key: index }, h("strong", null, count(row.n)), ` ${named(hello, row.kind, row.n).toLowerCase()} ${row.outcome}: ${row.reason}`))) : null,
    h(
      "div",
      { className: "sp-scroll" },
      h(
        "table",
        { className: "table table-sm mb-0" },
        h("thead", null, h("tr", null, ["Kind", "Id", "Outcome", "Reason"].map((name) => h("th", { key: name, scope: "col" }, name)))),
        h("tbody", null, items.slice(0, shown).map((item, index) => h("tr", { key: index }, h("td", null, named(hello, item.kind, 1)), h("td", null, item.id), h("td", null, item.outcome), h("td", null, item.reason))))
      )
    ),
    items.length > shown ? h("div", { className: "sp-block" }, h(B.Button, { variant: "secondary", onClick: () => setShown(shown + 450) }, "Show more")) : null,
    all > items.length && items.length <= shown ? h("p", { className: "sp-block text-muted" }, `The first ${count(items.length)} are shown; items.csv in the run's folder has all.`) : null
  );
}

/** What was asked for, to be read or used again on the command line. @param {{record: RunRecord}} props */
function Settings({ record }) {
  const [open, setOpen] = useState(false);
  return h(
    "section",
    { className: "setting-section" },
    h("h2", { className: "sp-more" }, h(Fold, { id: "sp-settings", label: "Settings and id of this run", open, onToggle: () => setOpen(!open) })),
    h(
      B.Collapse,
      { in: open },
      h("div", { id: "sp-settings" }, h(B.Card, null, h("div", { className: "sp-block" }, h("p", null, "Run ", h("code", null, record.run)), h("pre", { className: "sp-pre" }, JSON.stringify(record.config || {}, null, 2)))))
    )
  );
}
