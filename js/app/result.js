// What came of a run: one sentence, its reasons when something is missing, and what can be done with the files.

import { B, Fragment, Icon, Link, HOME, h, icons, useState } from "./host.js";
import { CopyButton, DownloadButton, ReportButton, hasClipboard } from "./download.js";
import { Copyable, ProblemBox, Sign, Warn, outcome } from "./parts.js";
import { count, duration, size } from "./words.js";

/** "3 min", from first to last. @param {RunSummary} run */
export function took(run) {
  if (!run.started || !run.finished) return "";
  return duration((new Date(run.finished).getTime() - new Date(run.started).getTime()) / 1000);
}

/** What the run says of itself. @param {RunSummary} run */
export const sentenceOf = (run) => (run.error && run.error.message) || run.sentence || (run.notes && run.notes.sentence) || "";

/** @param {RunSummary} run */
export const totalSize = (run) => (run.outputs || []).reduce((sum, output) => sum + (output.size || 0), 0);

/**
 * @param {{record: RunRecord, fetch?: boolean, copy?: boolean, details?: boolean, children?: any}} props
 * `fetch`: the file goes to the browser by itself; `copy`: into its clipboard; `details`: the warnings, and a link to the run's page; the page itself has them elsewhere
 */
export function ResultCard({ record, fetch, copy, details, children }) {
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const result = outcome(record);
  const outputs = record.outputs || [];
  const warnings = record.warnings || [];
  const sentence = sentenceOf(record);
  const facts = sentence && !record.error ? "" : [took(record) && `after ${took(record)}`, outputs.length ? size(totalSize(record)) : ""].filter(Boolean).join(" · ");
  return h(
    B.Card,
    { className: `sp-run sp-${result}` },
    h("div", { role: result === "failed" ? "alert" : "status" }, h("p", { className: "sp-verdict" }, h(Sign, { result, large: true })), sentence && !record.error ? h("p", { className: "sp-sentence" }, sentence) : null),
    facts ? h("p", { className: "text-muted" }, facts) : null,
    record.error ? h(ProblemBox, { problem: record.error, quiet: true }) : null,
    (details ? warnings : []).slice(0, 5).map((warning, index) => h(Warn, { key: index }, warning)),
    details && warnings.length > 5 ? h("p", { className: "text-muted" }, `and ${count(warnings.length - 5)} more, listed in the run's details.`) : null,
    problem ? h(ProblemBox, { problem }) : null,
    h(Outputs, { record, fetch, copy, onProblem: setProblem }),
    h(
      "div",
      { className: "sp-buttons" },
      children || null,
      h(ReportButton, { run: record.run, onProblem: setProblem }),
      details ? h(Link, { to: `${HOME}/runs/${record.run}`, className: "btn btn-secondary" }, "Details") : null
    )
  );
}

/** @param {{record: RunRecord, fetch?: boolean, copy?: boolean, onProblem: (problem: Problem | null) => void}} props */
function Outputs({ record, fetch, copy, onProblem }) {
  const outputs = record.outputs || [];
  if (!outputs.length) return null;
  const clipboard = copy && outputs.length === 1 && hasClipboard();
  return h(
    Fragment,
    null,
    clipboard ? h("div", { className: "sp-buttons" }, h(CopyButton, { run: record.run, index: 0, auto: fetch, onProblem })) : null,
    h(
      "ul",
      { className: "sp-outputs" },
      outputs.map((output, index) =>
        h(
          "li",
          { key: output.path },
          h(DownloadButton, { run: record.run, index, output, primary: index === 0 && !clipboard, auto: fetch && !clipboard && outputs.length === 1, onProblem }),
          h(
            "div",
            { className: "sp-output" },
            h("div", null, h("strong", null, output.path.split(/[\\/]/).pop()), h("span", { className: "text-muted" }, [" ", output.what, size(output.size)].filter(Boolean).join(" · "))),
            h("div", { className: "sp-path" }, h("span", { className: "text-muted mr-2" }, "On the server:"), h(Copyable, { text: output.path, what: "the path" }))
          )
        )
      )
    )
  );
}

/** One line about an earlier run, with the way to it. @param {{run: RunSummary}} props */
export function RunLine({ run }) {
  return h(
    "span",
    null,
    outcome(run) === "stopped" ? null : [h(Sign, { key: "sign", result: outcome(run) }), ". "],
    sentenceOf(run),
    " ",
    h(Link, { to: `${HOME}/runs/${run.run}` }, "Details", h(Icon, { icon: icons.faChevronRight, className: "ml-1 sp-small" }))
  );
}
