// The export page: choose, read the choice back, press one button, watch it, have the file.

import { B, Icon, h, icons, useCallback, useEffect, useRef, useState } from "./host.js";
import { isOurs, jobQueue, problemOf, startExport } from "./ask.js";
import { blocker, chosenKinds, fitting, remember, remembered, sentence, toConfig, total } from "./choice.js";
import { useCounts } from "./counts.js";
import { keep, kept, useRun } from "./follow.js";
import { KindsSection } from "./kinds.js";
import { ContentSection, FormatSection, MoreSection, PlaceSection } from "./output.js";
import { ProblemBox, Title, Warn, When, isOver, outcome } from "./parts.js";
import { ProgressCard } from "./progress.js";
import { ResultCard, RunLine } from "./result.js";
import { counted, newRunId } from "./words.js";

/** @param {{hello: Hello}} props */
export function ExportPage({ hello }) {
  const [following, setFollowing] = useState(kept);
  const follow = useCallback((/** @type {Following | null} */ next) => {
    keep(next);
    setFollowing(next);
  }, []);
  // A run that somebody started elsewhere (another tab, another machine) is shown as well.
  useEffect(() => {
    if (following) return undefined;
    const running = hello.runs.find((run) => run.verb === "export" && !isOver(run));
    if (!running) return undefined;
    let here = true;
    jobQueue().then(
      (queue) => {
        const job = queue.find((one) => one.status === "RUNNING" && isOurs(one));
        if (here && job) follow({ run: running.run, job: job.id, download: false, since: Date.parse(running.started || "") || Date.now() });
      },
      () => undefined
    );
    return () => {
      here = false;
    };
  }, []);
  return following ? h(Follow, { key: following.run, following, onDone: () => follow(null) }) : h(ExportForm, { hello, onStart: follow });
}

/** @param {{following: Following, onDone: () => void}} props */
function Follow({ following, onDone }) {
  const { job, ahead, record, problem, over, silent } = useRun({ run: following.run, job: following.job });
  const fetch = useRef(following.download);
  useEffect(() => {
    // Shown once: a reload now begins anew instead of downloading again.
    if (over) keep(null);
  }, [over]);
  const again = h(B.Button, { variant: "secondary", onClick: onDone }, h(Icon, { icon: icons.faRotateRight, className: "mr-2" }), problem && !record ? "Back" : "Export again");
  if (problem) return h("div", { className: "sp-page" }, h(Title, { key: "end" }, "Export"), h(B.Card, { className: "sp-run" }, h(ProblemBox, { problem }), h("div", { className: "sp-buttons" }, again)));
  if (record && over) {
    return h("div", { className: "sp-page" }, h(Title, { key: "end" }, "Export"), h(ResultCard, { record, fetch: fetch.current && outcome(record) !== "failed", details: true }, again));
  }
  return h("div", { className: "sp-page" }, h(Title, { key: "run" }, "Export"), h(ProgressCard, { run: following.run, job, ahead, record, silent, since: following.since, what: following.what, onGone: onDone }));
}

/** @param {{hello: Hello, onStart: (following: Following) => void}} props */
function ExportForm({ hello, onStart }) {
  const [choice, setChoice] = useState(() => remembered(hello));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const [busy, setBusy] = useState(false);
  const here = useRef(true);
  const { counts, failed } = useCounts();
  useEffect(() => {
    here.current = true;
    return () => {
      here.current = false;
    };
  }, []);
  const set = useCallback((/** @type {Partial<Choice>} */ part) => setChoice((before) => fitting({ ...before, ...part }, hello)), [hello]);
  useEffect(() => remember(choice), [choice]);

  const start = async () => {
    setBusy(true);
    setProblem(null);
    const run = newRunId();
    try {
      const job = await startExport(run, toConfig(choice, hello));
      const following = { run, job, download: choice.place === "browser", since: Date.now(), what: sentence(choice, hello, counts) };
      if (here.current) onStart(following);
      else keep(following);
    } catch (error) {
      if (!here.current) return;
      setProblem(problemOf(error));
      setBusy(false);
    }
  };

  const parts = { choice, set, hello, counts };
  return h(
    "div",
    { className: "sp-page sp-columns" },
    h(
      "div",
      { className: "sp-main" },
      h(Title, null, "Export"),
      h(Lead, { hello, counts, failed }),
      h(KindsSection, parts),
      h(ContentSection, parts),
      h(FormatSection, parts),
      h(PlaceSection, parts),
      h(MoreSection, parts)
    ),
    h("aside", { className: "sp-side", "aria-label": "Your export" }, h(Summary, { ...parts, busy, problem, onStart: start }))
  );
}

/** One true sentence on top, and how the last export went. @param {{hello: Hello, counts: Counts | null, failed: boolean}} props */
function Lead({ hello, counts, failed }) {
  const last = hello.runs.find((run) => run.verb === "export" && isOver(run));
  const good = last && outcome(last) !== "ok" ? hello.runs.find((run) => run.verb === "export" && outcome(run) === "ok") : null;
  const sum = counts ? hello.kinds.reduce((all, kind) => all + (counts[kind.plural] || 0), 0) : null;
  return h(
    "div",
    { className: "sp-lead" },
    h("p", null, sum !== null ? `Your library holds ${counted(sum, "record")}. ` : failed ? "Your library could not be counted just now. " : "Counting your library… ", "An export only reads: nothing in it changes."),
    hello.state.writable ? null : h(ProblemBox, { problem: { error: "NotWritable", message: "Stash Port cannot keep its records, so nothing can be started.", hint: hello.state.problem || undefined } }),
    hello.state.writable && hello.state.problem ? h(Warn, null, hello.state.problem) : null,
    last ? h("p", { className: "sp-last" }, "Last export ", h(When, { iso: last.finished || last.started }), ": ", h(RunLine, { run: last })) : null,
    good ? h("p", { className: "sp-last" }, "Last good export ", h(When, { iso: good.finished }), ": ", h(RunLine, { run: good })) : null
  );
}

/** The choice as a sentence, and the button. @param {{choice: Choice, hello: Hello, counts: Counts | null, busy: boolean, problem: Problem | null, onStart: () => void}} props */
function Summary({ choice, hello, counts, busy, problem, onStart }) {
  const sum = total(choice, hello, counts);
  const reason = hello.state.writable ? blocker(choice, hello, counts) : "Stash Port cannot keep its records here.";
  const kinds = chosenKinds(choice, hello);
  return h(
    B.Card,
    { className: "sp-summary" },
    h("p", { id: "sp-readback", className: "sp-readback" }, kinds.length ? sentence(choice, hello, counts) + "." : "Nothing is chosen."),
    problem ? h(ProblemBox, { problem }) : null,
    reason ? h("p", { id: "sp-reason", className: "text-warning mb-2" }, reason) : null,
    h(
      B.Button,
      { variant: "primary", size: "lg", block: true, disabled: busy || Boolean(reason), onClick: onStart, "aria-describedby": reason ? "sp-reason" : "sp-readback" },
      busy ? "Starting…" : sum ? `Export ${counted(sum, "record")}` : "Export"
    )
  );
}
