// The page Backups: how well this library is backed up, a backup now, those that are there, and how they are made, kept and locked.

import { B, C, h, useCallback, useEffect, useRef, useState } from "./host.js";
import { ask, isOurs, jobQueue, learnBackup, problemOf, startTask } from "./ask.js";
import { EncryptionFold } from "./backups_key.js";
import { KeepSection } from "./backups_keep.js";
import { ListSection } from "./backups_list.js";
import { NowSection } from "./backups_now.js";
import { PlaceFold } from "./backups_place.js";
import { ScheduleSection } from "./backups_schedule.js";
import { BackupState } from "./backups_state.js";
import { Unlock } from "./backups_unlock.js";
import { dayTime } from "./backups_words.js";
import { keep, kept, useRun } from "./follow.js";
import { ProblemBox, Title, isOver, outcome } from "./parts.js";
import { ProgressCard } from "./progress.js";
import { ResultCard } from "./result.js";
import { newRunId } from "./words.js";

const PAGE = "backups";
const VERBS = ["backup", "verify", "carry"];

/** @param {{hello: Hello}} props */
export function BackupsPage({ hello }) {
  const [news, setNews] = useState(/** @type {BackupNews} */ (hello.backup || { habits: {} }));
  const [listing, setListing] = useState(/** @type {Listing | null} */ (null));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const [failure, setFailure] = useState(/** @type {Problem | null} */ (null));
  const [following, setFollowing] = useState(() => kept(PAGE));
  const [starting, setStarting] = useState(false);
  const [asking, setAsking] = useState(/** @type {{mode: string, config: Record<string, any>, words: string} | null} */ (null));
  const here = useRef(true);
  const top = useRef(/** @type {HTMLElement | null} */ (null));
  const follow = useCallback((/** @type {Following | null} */ next) => {
    keep(next, PAGE);
    if (here.current) setFollowing(next);
  }, []);
  const read = useCallback(async () => {
    try {
      const found = await ask({ mode: "backups" });
      if (!here.current) return;
      setListing(found);
      setProblem(null);
    } catch (error) {
      if (here.current) setProblem(problemOf(error));
    }
  }, []);
  /** What the small files say now, after a run or a change. */
  const learn = useCallback(async () => {
    const { backup } = await ask({ mode: "backupNews" });
    learnBackup(backup);
    if (here.current) setNews(backup);
  }, []);
  useEffect(() => {
    if (hello.backup) setNews(hello.backup);
  }, [hello.backup]);
  useEffect(() => {
    here.current = true;
    read();
    // A run that was started elsewhere is shown as well.
    const running = following ? null : hello.runs.find((run) => VERBS.includes(run.verb) && !isOver(run));
    if (running) {
      jobQueue().then(
        (queue) => {
          const job = queue.find((one) => one.status === "RUNNING" && isOurs(one));
          if (here.current) follow({ run: running.run, job: job ? job.id : null, download: false, since: Date.parse(running.started || "") || Date.now() });
        },
        () => undefined
      );
    }
    return () => {
      here.current = false;
    };
  }, []);
  /** @param {Habits} part */
  const saveHabits = async (part) => {
    const { habits } = await ask({ mode: "backupHabits", ...news.habits, ...part });
    const next = { ...news, habits };
    learnBackup({ habits });
    if (here.current) setNews(next);
    await read();
  };
  /** @param {string} mode @param {Record<string, any>} config @param {string} words */
  const start = async (mode, config, words) => {
    setStarting(true);
    setFailure(null);
    setAsking(null);
    const run = newRunId();
    try {
      const job = await startTask(mode, run, config);
      follow({ run, job, download: mode === "carry", since: Date.now(), what: words });
      if (here.current && top.current) top.current.scrollIntoView({ block: "start" });
    } catch (error) {
      if (here.current) setFailure(problemOf(error));
    }
    if (here.current) setStarting(false);
  };
  /** Asks for the passphrase first where the vault is encrypted. @param {string} mode @param {Record<string, any>} config @param {string} words */
  const opening = (mode, config, words) => {
    // A quick look at an encrypted one is a look from outside.
    if (!listing || !listing.encrypted || config.level === "quick") return start(mode, config, words);
    setAsking({ mode, config, words });
    if (top.current) top.current.scrollIntoView({ block: "start" });
    return undefined;
  };
  const busy = starting || Boolean(following && !following.over);
  const usual = { kind: "auto" };
  const unsure = Boolean(listing && listing.encrypted && !listing.confirmed);
  return h(
    "div",
    { className: "sp-page sp-wide" },
    h(Title, null, "Backups"),
    h(BackupState, { backup: news, listing, busy: busy || unsure, onBackUp: () => start("backup", usual, "Back up everything but the media files") }),
    h(
      "div",
      { ref: top, className: "sp-anchor", tabIndex: -1 },
      failure ? h(ProblemBox, { problem: failure }) : null,
      asking ? h(Unlock, { key: `${asking.mode} ${asking.words}`, words: asking.words, keyName: (listing && listing.key) || "", carrying: asking.mode === "carry", onCancel: () => setAsking(null), onOpen: (/** @type {Record<string, any>} */ more) => start(asking.mode, { ...asking.config, ...more }, asking.words) }) : null,
      following
        ? h(Follow, {
            key: following.run,
            following,
            onOver: () => {
              follow({ ...following, over: true });
              keep(null, PAGE);
              read();
              learn();
            },
            onDone: () => {
              follow(null);
              if (top.current) top.current.focus({ preventScroll: true });
            },
          })
        : null
    ),
    following ? null : h(NowSection, { hello, listing, busy, problem: null, reason: reasonNot(hello, listing, unsure), onStart: (config, words) => start("backup", config, words.replace(/\.$/, "")) }),
    problem ? h(ProblemBox, { problem }, h(B.Button, { variant: "secondary", className: "mt-2", onClick: read }, "Look again")) : null,
    listing
      ? h(ListSection, {
          listing,
          hello,
          busy,
          encrypted: listing.encrypted,
          onVerify: (backup, level) => opening("verify", { backup: backup.id, level }, `Verify the backup of ${dayTime(backup.time)}`),
          onCarry: (backup) => opening("carry", { backup: backup.id, to: `${hello.folder}/browser/`, overwrite: true }, `Make one file of the backup of ${dayTime(backup.time)}`),
          onChanged: read,
        })
      : problem
        ? null
        : h(C.LoadingIndicator, { message: "Looking into the vault…", inline: true }),
    h(ScheduleSection, { glance: news.schedule, encrypted: Boolean(listing && listing.encrypted), onChanged: (schedule) => setNews((before) => ({ ...before, schedule })) }),
    h(KeepSection, { listing, habits: news.habits, saveHabits }),
    h(PlaceFold, { key: news.habits.vault || "own", listing, habits: news.habits, folder: hello.folder.replace(/[\\/]exports$/, ""), saveHabits, onMoved: read }),
    h(EncryptionFold, { listing, habits: news.habits, saveHabits, onChanged: read })
  );
}

/** @param {Hello} hello @param {Listing | null} listing @param {boolean} unsure */
function reasonNot(hello, listing, unsure) {
  if (!hello.state.writable) return "Stash Port cannot keep its records here.";
  if (unsure) return "First show under Encryption that you hold the key of this vault.";
  return listing ? "" : "Looking into the vault…";
}

/** A run of this page: its progress, then what came of it. @param {{following: Following, onOver: () => void, onDone: () => void}} props */
function Follow({ following, onOver, onDone }) {
  const { job, ahead, record, problem, over, silent } = useRun({ run: following.run, job: following.job });
  useEffect(() => {
    if (over) onOver();
  }, [over]);
  const done = h(B.Button, { variant: "secondary", onClick: onDone }, "Close");
  if (problem) return h(B.Card, { className: "sp-run" }, h(ProblemBox, { problem }), h("div", { className: "sp-buttons" }, done));
  if (record && over) return h(ResultCard, { record, fetch: following.download && outcome(record) !== "failed", details: true }, done);
  return h(ProgressCard, { run: following.run, job, ahead, record, silent, since: following.since, what: following.what, onGone: onDone });
}
