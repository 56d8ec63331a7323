// A run while it runs: what it is doing, how far it is, what is left, and Stop.

import { B, Icon, h, icons, useEffect, useRef, useState } from "./host.js";
import { ask, endJob, problemOf } from "./ask.js";
import { ProblemBox, Warn } from "./parts.js";
import { count, duration, percent, remaining } from "./words.js";

/** Seconds since a moment, ticking. @param {string | number | null | undefined} since */
function useSeconds(since) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 1000);
    return () => window.clearInterval(timer);
  }, []);
  const start = since ? new Date(since).getTime() : NaN;
  return Number.isNaN(start) ? 0 : Math.max(0, (now - start) / 1000);
}

/**
 * @param {{run: string, job: Job | null, ahead: string[], record: RunRecord | null, silent?: boolean, since?: number, what?: string, onGone?: () => void}} props
 * `onGone`: the run was taken out of the queue before it began
 */
export function ProgressCard({ run, job, ahead, record, silent, since, what, onGone }) {
  const progress = (record && record.progress) || {};
  const waiting = !record && (!job || job.status === "READY");
  const fraction = best(progress, job, waiting);
  const running = useSeconds((record && record.started) || since);
  const step = progress.step && progress.steps && progress.steps > 1 ? `Step ${progress.step} of ${progress.steps}: ` : "";
  const phase = waiting ? (ahead.length ? `Waiting for ${ahead.length === 1 ? "another task" : `${ahead.length} other tasks`} of Stash` : "Starting") : `${step}${progress.phase || "Working"}`;
  const numbers = [];
  if (!waiting) {
    if (progress.total) numbers.push(`${count(progress.done || 0)} of ${count(progress.total)}`);
    else if (progress.done) numbers.push(count(progress.done));
    if (progress.rate) numbers.push(`${count(Math.round(progress.rate))} a second`);
    if (typeof progress.remaining === "number" && progress.remaining > 0) numbers.push(remaining(progress.remaining));
    else if (running >= 2) numbers.push(`for ${duration(running)}`);
  }
  const text = [phase, progress.total && !waiting ? `${count(progress.done || 0)} of ${count(progress.total)}` : ""].filter(Boolean).join(", ");
  return h(
    B.Card,
    { className: "sp-run" },
    what ? h("p", { className: "sp-sentence" }, `${what}.`) : null,
    h("p", { className: "sp-phase", role: "status" }, phase),
    h(
      "div",
      { className: "progress" },
      h("div", {
        className: `progress-bar ${fraction === null ? "progress-bar-striped progress-bar-animated sp-endless" : ""}`,
        style: { width: fraction === null ? "100%" : `${Math.max(1, fraction * 100)}%` },
        role: "progressbar",
        "aria-label": "Progress of the run",
        "aria-valuemin": 0,
        "aria-valuemax": 100,
        "aria-valuenow": fraction === null ? undefined : Math.floor(fraction * 100),
        "aria-valuetext": text,
      })
    ),
    h("div", { className: "sp-numbers" }, h("span", null, fraction === null ? "" : percent(fraction)), h("span", { className: "text-muted" }, numbers.join(" · "))),
    silent ? h("div", { role: "status" }, h(Warn, null, "Stash does not answer at the moment. The run may well go on; this page keeps asking.")) : null,
    waiting && ahead.length ? h("ul", { className: "text-muted sp-ahead" }, ahead.map((description, index) => h("li", { key: index }, description))) : null,
    h("div", { className: "sp-buttons" }, h(StopButton, { run, job, waiting, onGone }), h("span", { className: "text-muted" }, "You can leave this page; it goes on."))
  );
}

/** @param {Progress} progress @param {Job | null} job @param {boolean} waiting @returns {number | null} */
function best(progress, job, waiting) {
  if (waiting) return null;
  if (typeof progress.fraction === "number") return Math.max(progress.fraction, (job && job.progress) || 0);
  return job && job.progress && job.progress > 0 ? job.progress : null;
}

/** Asks the run to stop between two batches; after a while offers to end it at once. @param {{run: string, job: Job | null, waiting: boolean, onGone?: () => void}} props */
function StopButton({ run, job, waiting, onGone }) {
  const [asked, setAsked] = useState("");
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const here = useRef(true);
  const timer = useRef(0);
  useEffect(() => {
    here.current = true;
    return () => {
      here.current = false;
      window.clearTimeout(timer.current);
    };
  }, []);
  /** @param {() => Promise<any>} action */
  const guarded = async (action) => {
    setProblem(null);
    try {
      await action();
    } catch (error) {
      if (!here.current) return;
      setAsked("");
      setProblem(problemOf(error));
    }
  };
  const stop = () =>
    guarded(async () => {
      setAsked("soft");
      if (waiting && job) {
        await endJob(job.id);
        if (onGone && here.current) onGone();
        return;
      }
      timer.current = window.setTimeout(() => here.current && setAsked("late"), 8000);
      await ask({ mode: "stop", run });
    });
  const end = () => guarded(async () => job && endJob(job.id));
  return h(
    "span",
    null,
    problem ? h(ProblemBox, { problem }) : null,
    asked
      ? h("span", { role: "status", className: "mr-3" }, h(Icon, { icon: icons.faSpinner, spin: true, className: "mr-2" }), "Stopping…")
      : h(B.Button, { variant: "secondary", onClick: stop, disabled: waiting && !job }, h(Icon, { icon: icons.faStop, className: "mr-2" }), "Stop"),
    asked === "late" && job ? h(B.Button, { variant: "danger", onClick: end }, "Stop at once") : null
  );
}
