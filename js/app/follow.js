// Following a run: Stash's job stream says that it moves, the run's record says what it does and, at the end, what came of it.
// (A plugin task that fails looks finished to Stash, so the job is never believed about the result.)

import { GQL, client, useCallback, useEffect, useRef, useState } from "./host.js";
import { ask, isOurs, jobQueue, learn, problemOf } from "./ask.js";
import { isOver } from "./parts.js";

const KEY = "stash_port.following";
const TERMINAL = new Set(["FINISHED", "CANCELLED", "FAILED"]);

/** The run that this tab started on a page and has not shown the end of yet. @param {string} [page] @returns {Following | null} */
export function kept(page = "export") {
  try {
    const value = JSON.parse(sessionStorage.getItem(`${KEY}.${page}`) || "null");
    return value && typeof value.run === "string" ? value : null;
  } catch (error) {
    return null;
  }
}

/** The page that follows a run in this tab. @param {string} run */
export const keptBy = (run) => ["export", "backups", "restore"].find((page) => kept(page)?.run === run);

/** @param {Following | null} following @param {string} [page] */
export function keep(following, page = "export") {
  try {
    if (following) sessionStorage.setItem(`${KEY}.${page}`, JSON.stringify(following));
    else sessionStorage.removeItem(`${KEY}.${page}`);
  } catch (error) {
    // without storage a reload finds the run through the list of runs
  }
}

/** The job in Stash's queue: by the stream, and by asking where no stream comes through. @param {string | null} id @param {(job: Job | null) => void} onEnd stable; null: Stash has forgotten it */
function useJob(id, onEnd) {
  const [job, setJob] = useState(/** @type {Job | null} */ (null));
  const [silent, setSilent] = useState(false);
  const ended = useRef(false);
  useEffect(() => {
    if (!id) return undefined;
    ended.current = false;
    let here = true;
    let timer = 0;
    let failures = 0;
    /** @param {Job | null} found */
    const take = (found) => {
      if (!here || ended.current) return;
      const next = found && isOurs(found) ? found : null;
      if (next) setJob(next);
      if (!next || TERMINAL.has(next.status)) {
        ended.current = true;
        onEnd(next);
      }
    };
    const stream = client()
      .subscribe({ query: GQL.JobsSubscribeDocument })
      .subscribe({
        next: (/** @type {any} */ event) => {
          const update = event.data && event.data.jobsSubscribe;
          if (update && update.job.id === id) take(update.job);
        },
        error: () => undefined,
      });
    const poll = async () => {
      try {
        const { data } = await client().query({ query: GQL.FindJobDocument, variables: { input: { id } }, fetchPolicy: "no-cache" });
        failures = 0;
        if (here) setSilent(false);
        take(data.findJob || null);
      } catch (error) {
        failures += 1;
        if (here && failures > 2) setSilent(true);
      }
      if (here && !ended.current) timer = window.setTimeout(poll, 2000);
    };
    poll();
    return () => {
      here = false;
      window.clearTimeout(timer);
      stream.unsubscribe();
    };
  }, [id, onEnd]);
  return { job, silent };
}

/** What waits or runs before a job. @param {string | null} id @param {boolean} waiting @returns {string[]} */
function useAhead(id, waiting) {
  const [ahead, setAhead] = useState(/** @type {string[]} */ ([]));
  useEffect(() => {
    if (!id || !waiting) return undefined;
    let here = true;
    const look = () =>
      jobQueue().then(
        (queue) => {
          const place = queue.findIndex((job) => job.id === id);
          if (here && place >= 0) setAhead(queue.slice(0, place).filter((job) => !TERMINAL.has(job.status)).map((job) => job.description));
        },
        () => undefined
      );
    look();
    const timer = window.setInterval(look, 3000);
    return () => {
      here = false;
      window.clearInterval(timer);
    };
  }, [id, waiting]);
  return waiting ? ahead : [];
}

/**
 * Follows one run to its end. Mount it under `key=run`.
 * @param {{run: string, job: string | null, record?: RunRecord | null}} what
 * @returns {{job: Job | null, ahead: string[], record: RunRecord | null, problem: Problem | null, over: boolean, silent: boolean}} `silent`: Stash does not answer for the moment
 */
export function useRun({ run, job: id, record: known }) {
  const [record, setRecord] = useState(/** @type {RunRecord | null} */ (known || null));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const [ended, setEnded] = useState(/** @type {{job: Job | null} | null} */ (null));
  const onEnd = useCallback((/** @type {Job | null} */ job) => setEnded({ job }), []);
  const { job, silent } = useJob(id, onEnd);
  const ahead = useAhead(id, Boolean(job && job.status === "READY"));
  const over = Boolean(problem || (record && isOver(record)));
  const waiting = Boolean(id && !ended && (!job || job.status === "READY"));

  // While it runs: the record, every other second, and only while somebody looks.
  useEffect(() => {
    if (over || ended || waiting) return undefined;
    let here = true;
    let timer = 0;
    let asked = 0;
    const look = async () => {
      if (document.visibilityState === "visible") {
        asked += 1;
        try {
          const found = (await ask({ mode: "run", run })).run;
          if (here && found) setRecord(found);
          if (isOver(found)) learn(found);
        } catch (error) {
          if (here && !id && asked > 3) setProblem(problemOf(error));
        }
      }
      if (here) timer = window.setTimeout(look, asked < 30 ? 1000 : 2500);
    };
    timer = window.setTimeout(look, id ? 500 : 0);
    return () => {
      here = false;
      window.clearTimeout(timer);
    };
  }, [run, id, over, Boolean(ended), waiting]);

  // The job has ended: the record says how.
  useEffect(() => {
    if (!ended || over) return undefined;
    let here = true;
    let timer = 0;
    /** @param {number} left */
    const settle = async (left) => {
      /** @type {any} */
      let reason = null;
      try {
        const found = (await ask({ mode: "run", run })).run;
        if (found && isOver(found)) {
          learn(found);
          if (here) setRecord(found);
          return;
        }
        if (found && here) setRecord(found);
      } catch (error) {
        reason = error;
      }
      if (!here) return;
      if (left > 0) timer = window.setTimeout(() => settle(left - 1), 700);
      else setProblem(lost(ended.job, reason));
    };
    settle(3);
    return () => {
      here = false;
      window.clearTimeout(timer);
    };
  }, [run, ended, over]);

  return { job, ahead, record, problem, over, silent };
}

/** The job ended and nothing tells what came of it. @param {Job | null} job @param {any} reason @returns {Problem} */
function lost(job, reason) {
  if (job && job.status === "CANCELLED") return { error: "Stopped", message: "Stopped before anything was written.", hint: "Start it again when you like." };
  if (job && job.status === "FAILED") return { error: "NotStarted", message: `Stash could not start it: ${job.error || "it gave no reason"}.`, hint: "Stash Port needs Python 3.10 or later where Stash runs." };
  const said = reason ? ` (${problemOf(reason).message})` : "";
  return { error: "NoRecord", message: "It ended without leaving a record, so nobody can say that it worked.", hint: `Look at Stash's log (Settings > Logs) for lines of [Plugin / Stash Port].${said}` };
}
