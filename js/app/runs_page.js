// The history: every run with its result, newest first.

import { Fragment, HOME, Link, h, useEffect, useState } from "./host.js";
import { ask, greetingAge, problemOf } from "./ask.js";
import { ProblemBox, Sign, Title, When, isOver, outcome } from "./parts.js";
import { hasWritten, wasCutOff } from "./restore_runs.js";
import { sentenceOf, totalSize } from "./result.js";
import { capital, count, percent, size } from "./words.js";

const PAGE = 50;

/** @param {{hello: Hello}} props */
export function RunsPage({ hello }) {
  const [runs, setRuns] = useState(hello.runs);
  const [limit, setLimit] = useState(PAGE);
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const running = runs.some((run) => !isOver(run));
  useEffect(() => {
    let here = true;
    let timer = 0;
    const look = async () => {
      if (document.visibilityState === "visible") {
        try {
          const found = (await ask({ mode: "runs", limit })).runs;
          if (!here) return;
          setRuns(found);
          setProblem(null);
        } catch (error) {
          if (here) setProblem(problemOf(error));
        }
      }
      if (here && running) timer = window.setTimeout(look, 3000);
    };
    // The greeting has just told the newest ones: ask again only for what moves or for more.
    if (running || limit > PAGE || hello.runs.length >= 20 || greetingAge() > 10000) look();
    return () => {
      here = false;
      window.clearTimeout(timer);
    };
  }, [limit, running]);
  return h(
    "div",
    { className: "sp-page" },
    h(Title, null, "Runs"),
    h("p", { className: "sp-lead" }, runs.length ? lead(runs) : "Nothing has run yet. ", runs.length ? null : h(Link, { to: `${HOME}/export` }, "Make the first export")),
    problem ? h(ProblemBox, { problem }) : null,
    runs.length
      ? h(
          "table",
          { className: "table table-striped sp-runs" },
          h("caption", { className: "sr-only" }, "Runs, newest first"),
          h("thead", null, h("tr", null, ["Result", "What", "When", "Size"].map((name) => h("th", { key: name, scope: "col" }, name)))),
          h("tbody", null, runs.map((run) => h(RunRow, { key: run.run, run })))
        )
      : null,
    runs.length >= limit ? h("button", { type: "button", className: "btn btn-secondary", onClick: () => setLimit(limit + 100) }, "Show older runs") : null
  );
}

/** @param {RunSummary[]} runs */
function lead(runs) {
  const last = runs[0];
  const result = outcome(last);
  if (result === "running") return "One is running now.";
  if (result === "ok") return "The last run went well.";
  if (result === "stopped") return "The last run was stopped before its end.";
  return `The last run needs a look: ${sentenceOf(last) || result}`;
}

/** @param {{run: RunSummary}} props */
function RunRow({ run }) {
  const result = outcome(run);
  const bytes = totalSize(run);
  const fraction = run.progress && typeof run.progress.fraction === "number" ? run.progress.fraction : null;
  return h(
    "tr",
    null,
    h("td", { "data-label": "Result" }, h(Sign, { result }), result === "running" && fraction !== null ? h("span", { className: "text-muted" }, ` ${percent(fraction)}`) : null),
    h(
      "td",
      null,
      h(Link, { to: `${HOME}/runs/${run.run}` }, capital(run.verb)),
      h("div", { className: "sub-heading" }, sentenceOf(run)),
      run.warnings && run.warnings.length ? h("div", { className: "text-warning" }, `${count(run.warnings.length)} ${run.warnings.length === 1 ? "warning" : "warnings"}`) : null,
      h(What, { run })
    ),
    h("td", null, h(When, { iso: run.finished || run.started })),
    h("td", { className: "sp-nowrap" }, bytes ? size(bytes) : h(Fragment, null, ""))
  );
}

/** The way to what can be done about a run that changed a library: its own page asks. @param {{run: RunSummary}} props */
function What({ run }) {
  if (!isOver(run) || !hasWritten(run)) return null;
  const place = { pathname: `${HOME}/runs/${run.run}`, state: { undo: true } };
  return h(
    "div",
    { className: "mt-1 sp-small" },
    wasCutOff(run) ? [h(Link, { key: "go", to: { pathname: place.pathname } }, "Continue"), " · "] : null,
    run.verb === "rollback" ? null : h(Link, { to: place, "aria-label": `Undo this run: ${run.verb}, ${run.started || ""}` }, "Undo this run")
  );
}
