// The page Restore: from what, what of it, and how; then a plan is made, which writes nothing, and shown on a page of its own.

import { B, HOME, Icon, h, icons, useCallback, useEffect, useHistory, useLocation, useRef, useState } from "./host.js";
import { ask, isOurs, jobQueue, problemOf, startTask } from "./ask.js";
import { Unlock } from "./backups_unlock.js";
import { keep, kept, useRun } from "./follow.js";
import { ProblemBox, Title, isOver, outcome } from "./parts.js";
import { ProgressCard } from "./progress.js";
import { FromSection, sourceWords } from "./restore_from.js";
import { HowSection, MoreSection } from "./restore_how.js";
import { isPlan } from "./restore_runs.js";
import { RunActions } from "./restore_undo.js";
import { WhatSection } from "./restore_what.js";
import { chosenBackup, proposedWish, recognised, wishConfig, wishOf, wishProblem, wishSentence } from "./restore_wish.js";
import { ResultCard } from "./result.js";
import { newRunId } from "./words.js";

const PAGE = "restore";

/** @param {{hello: Hello}} props */
export function RestorePage({ hello }) {
  const [following, setFollowing] = useState(() => kept(PAGE));
  const history = useHistory();
  /** What was chosen last: still there when no plan came of it. */
  const chosen = useRef(/** @type {Wish | null} */ (null));
  const follow = useCallback((/** @type {Following | null} */ next) => {
    keep(next, PAGE);
    setFollowing(next);
  }, []);
  // A run that is begun again from here comes to this page anew.
  const { key } = useLocation();
  useEffect(() => {
    const next = kept(PAGE);
    if (next && (!following || next.run !== following.run)) setFollowing(next);
  }, [key]);
  // A run that was started elsewhere is shown as well.
  useEffect(() => {
    const running = following ? null : hello.runs.find((run) => run.verb === "restore" && !isOver(run));
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
  if (following) {
    return h(Follow, {
      key: following.run,
      hello,
      following,
      onDone: () => follow(null),
      onPlan: (planned) => {
        keep(null, PAGE);
        history.replace(`${HOME}/${planned ? "restore" : "runs"}/${following.run}`);
      },
    });
  }
  return h(RestoreForm, { hello, before: chosen.current, onWish: (wish) => (chosen.current = wish), onStart: follow });
}

/** A plan that is being made, or something else of this page that still runs. @param {{following: Following, hello: Hello, onDone: () => void, onPlan: (planned: boolean) => void}} props */
function Follow({ following, hello, onDone, onPlan }) {
  const { job, ahead, record, problem, over, silent } = useRun({ run: following.run, job: following.job });
  const good = Boolean(record && over && outcome(record) !== "failed" && outcome(record) !== "stopped");
  useEffect(() => {
    if (good && record) onPlan(isPlan(record));
    else if (over) keep(null, PAGE);
  }, [over, good]);
  const back = h(B.Button, { variant: "secondary", onClick: onDone }, h(Icon, { icon: icons.faRotateLeft, className: "mr-2" }), "Back to the choice");
  const content = problem
    ? h(B.Card, { className: "sp-run" }, h(ProblemBox, { problem }), h("div", { className: "sp-buttons" }, back))
    : record && over && !good
      ? [h(ResultCard, { key: "r", record, details: true }, back), h(RunActions, { key: "a", record, hello })]
      : h(ProgressCard, { run: following.run, job, ahead, record, silent, since: following.since, what: following.what, onGone: onDone });
  return h("div", { className: "sp-page" }, h(Title, { key: over ? "end" : "run" }, "Restore"), content);
}

/** @param {{hello: Hello, before: Wish | null, onWish: (wish: Wish) => void, onStart: (following: Following) => void}} props */
function RestoreForm({ hello, before, onWish, onStart }) {
  const given = useLocation().state || {};
  const [wish, setWish] = useState(() => before || (given.config ? wishOf(given.config, hello) : proposedWish(hello, given.backup)));
  const [listing, setListing] = useState(/** @type {Listing | null} */ (null));
  const [unread, setUnread] = useState(/** @type {Problem | null} */ (null));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const [busy, setBusy] = useState(false);
  const [asking, setAsking] = useState(false);
  const here = useRef(true);
  const set = useCallback((/** @type {Partial<Wish>} */ part) => setWish((before) => ({ ...before, ...part })), []);
  const look = async () => {
    setUnread(null);
    try {
      const found = await ask({ mode: "backups" });
      if (!here.current) return;
      setListing(found);
      setWish((one) => ({ ...one, ...recognised(one, found) }));
    } catch (error) {
      if (here.current) setUnread(problemOf(error));
    }
  };
  useEffect(() => {
    here.current = true;
    look();
    return () => {
      here.current = false;
    };
  }, []);
  const source = sourceWords(wish, listing);
  const words = wishSentence(wish, hello, source);
  const reason = wishProblem(wish, hello, listing);
  const backup = chosenBackup(wish, listing);
  /** @param {Record<string, any>} more */
  const start = async (more) => {
    setBusy(true);
    setProblem(null);
    onWish(wish);
    const run = newRunId();
    try {
      const job = await startTask("restore", run, { ...wishConfig(wish, hello, listing), ...more });
      const following = { run, job, download: false, since: Date.now(), what: `Making a plan, nothing is written. ${words}` };
      if (here.current) onStart(following);
      else keep(following, PAGE);
    } catch (error) {
      if (!here.current) return;
      setProblem(problemOf(error));
      setBusy(false);
    }
  };
  const locked = Boolean(listing && listing.encrypted && backup);
  return h(
    "div",
    { className: "sp-page" },
    h(Title, null, "Restore"),
    h("p", { className: "sp-lead" }, "Brings records of a backup into this library. First a plan is made, which writes nothing: you see each change, and decide."),
    h(FromSection, { wish, set, listing, problem: unread, onLook: look }),
    h(WhatSection, { wish, set, hello, listing }),
    h(HowSection, { wish, set }),
    h(MoreSection, { wish, set }),
    h("p", { id: "sp-restore-words", className: "sp-readback mt-3" }, `${words}.`),
    problem ? h(ProblemBox, { problem }) : null,
    reason ? h("p", { id: "sp-restore-reason", className: "text-warning mb-2" }, reason) : null,
    asking
      ? h(Unlock, { words: `Make a plan from ${source}`, keyName: (listing && listing.key) || "", carrying: false, onCancel: () => setAsking(false), onOpen: start })
      : h(
          "div",
          { className: "sp-buttons mt-2" },
          h(B.Button, { variant: "primary", size: "lg", disabled: busy || Boolean(reason), "aria-describedby": reason ? "sp-restore-reason" : "sp-restore-words", onClick: () => (locked ? setAsking(true) : start({})) }, busy ? "Starting…" : "Make a plan"),
          h("span", { className: "text-muted" }, "Nothing is written yet.")
        )
  );
}
