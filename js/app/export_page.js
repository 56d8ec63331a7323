// The export page: choose, read the choice back, press one button, watch it, have the file.

import { B, Fragment, HOME, Icon, h, icons, useCallback, useEffect, useHistory, useLocation, useRef, useState } from "./host.js";
import { isOurs, jobQueue, problemOf, startTask } from "./ask.js";
import { BackupState } from "./backups_state.js";
import { chosenKinds, fitting, fromList, remember, remembered, total } from "./choice.js";
import { toConfig } from "./config.js";
import { useChosenCounts, useCounts } from "./counts.js";
import { PlaceSection } from "./destination.js";
import { EncryptionSection, noSecrets, sealed } from "./encryption.js";
import { isFiltered } from "./filters.js";
import { FiltersSection } from "./filters_section.js";
import { keep, kept, useRun } from "./follow.js";
import { KindsSection } from "./kinds.js";
import { ContentSection, FormatSection, MoreSection } from "./output.js";
import { ProblemBox, Title, Warn, When, isOver, outcome } from "./parts.js";
import { PresetsSection } from "./presets.js";
import { PrivacySection } from "./privacy.js";
import { ProgressCard } from "./progress.js";
import { ResultCard, RunLine } from "./result.js";
import { blocker, sentence } from "./sentence.js";
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
  // What one of Stash's lists has handed over; part of the address, so it is still there after a reload.
  const place = useLocation();
  /** @type {ListState | null} */
  const list = (place.state && place.state.port) || null;
  return following ? h(Follow, { key: following.run, following, onDone: () => follow(null) }) : h(ExportForm, { key: list ? JSON.stringify(list) : "own", hello, list, onStart: follow });
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
    return h("div", { className: "sp-page" }, h(Title, { key: "end" }, "Export"), h(ResultCard, { record, fetch: fetch.current && outcome(record) !== "failed", copy: following.copy, details: true }, again));
  }
  return h("div", { className: "sp-page" }, h(Title, { key: "run" }, "Export"), h(ProgressCard, { run: following.run, job, ahead, record, silent, since: following.since, what: following.what, onGone: onDone }));
}

/** @param {{hello: Hello, list: ListState | null, onStart: (following: Following) => void}} props */
function ExportForm({ hello, list, onStart }) {
  const [choice, setChoice] = useState(() => (list ? fromList(list, hello) : remembered(hello)));
  const [secrets, setSecrets] = useState(noSecrets);
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const [busy, setBusy] = useState(false);
  /** Counts the presets applied: each opens the sections anew, as it needs them. */
  const [applied, setApplied] = useState(0);
  const here = useRef(true);
  const { counts: library, failed } = useCounts();
  const { counts, problem: uncounted, stays } = useChosenCounts(choice, hello, library);
  useEffect(() => {
    here.current = true;
    return () => {
      here.current = false;
    };
  }, []);
  const set = useCallback((/** @type {Partial<Choice>} */ part) => setChoice((before) => fitting({ ...before, ...part }, hello)), [hello]);
  // What came from a list is for now: the next visit finds what was chosen here before.
  useEffect(() => {
    if (!list) remember(choice);
  }, [choice]);

  const start = async () => {
    setBusy(true);
    setProblem(null);
    const run = newRunId();
    try {
      const job = await startTask("export", run, await sealed(toConfig(choice, hello), secrets));
      const copy = choice.place === "clipboard";
      const following = { run, job, download: copy || choice.place === "browser", copy, since: Date.now(), what: sentence(choice, hello, counts) };
      if (here.current) onStart(following);
      else keep(following);
    } catch (error) {
      if (!here.current) return;
      setProblem(problemOf(error));
      setBusy(false);
    }
  };

  const filtered = isFiltered(choice, chosenKinds(choice, hello));
  const parts = { choice, set, hello, counts };
  const typed = { ...parts, secrets, setSecrets };
  return h(
    "div",
    { className: "sp-page sp-columns" },
    h(
      "div",
      { className: "sp-main" },
      h(Title, null, "Export"),
      hello.backup ? h(BackupState, { backup: hello.backup, linked: true }) : null,
      h(Lead, { hello, counts: library, failed }),
      list ? h(FromList, { list, hello }) : null,
      h(PresetsSection, {
        ...parts,
        replace: (next) => {
          setChoice(next);
          setApplied(applied + 1);
        },
      }),
      h(
        Fragment,
        { key: applied },
        h(KindsSection, { ...parts, stays }),
        h(FiltersSection, { ...parts, problem: filtered ? uncounted : null }),
        h(ContentSection, parts),
        h(FormatSection, parts),
        h(PlaceSection, typed),
        h(PrivacySection, { ...parts, problem: filtered ? null : uncounted }),
        h(EncryptionSection, typed),
        h(MoreSection, parts)
      )
    ),
    h("aside", { className: "sp-side", "aria-label": "Your export" }, h(Summary, { ...typed, busy, problem, onStart: start }))
  );
}

/** Where the choice came from, and the way back to one's own. @param {{list: ListState, hello: Hello}} props */
function FromList({ list, hello }) {
  const history = useHistory();
  const kind = hello.kinds.find((one) => one.plural === list.mode.toLowerCase());
  const name = kind ? kind.label.toLowerCase() : "records";
  const what = list.ids.length ? `${counted(list.ids.length, kind ? kind.name : "record", name)} ticked in Stash's list` : list.words.length || list.q ? `the ${name} that Stash's list showed` : `all ${name}`;
  return h(
    "div",
    { className: "sp-from-list" },
    h("p", { className: "mb-1" }, h(Icon, { icon: icons.faFilter, className: "mr-2" }), `This page was opened for ${what}. `, h(B.Button, { variant: "link", className: "p-0 align-baseline", onClick: () => history.replace(`${HOME}/export`) }, "Back to your own choice")),
    list.lost ? h(Warn, null, `Some ${name} were ticked there, but this version of Stash does not tell which: all that the list showed are chosen.`) : null
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

/** The choice as a sentence, and the button. @param {{choice: Choice, hello: Hello, counts: Counts | null, secrets: Secrets, busy: boolean, problem: Problem | null, onStart: () => void}} props */
function Summary({ choice, hello, counts, secrets, busy, problem, onStart }) {
  const sum = total(choice, hello, counts);
  const reason = hello.state.writable ? blocker(choice, hello, counts, secrets) : "Stash Port cannot keep its records here.";
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
