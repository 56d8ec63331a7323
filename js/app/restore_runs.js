// Runs that change a library: how they are begun, what they are about in words, and which of them can be taken back or gone on with.

import { HOME } from "./host.js";
import { startTask } from "./ask.js";
import { dayTime } from "./backups_words.js";
import { keep } from "./follow.js";
import { newRunId } from "./words.js";

/** Verbs that write to a library. */
export const CHANGING = ["restore", "apply", "rollback", "import", "migrate", "relocate", "sync"];
/** Errors that only mean that something is locked. */
export const LOCKED = ["VaultClosed", "NoIdentity", "WrongPassphrase"];

/**
 * Puts a run into the queue and keeps it as the one that this tab follows.
 * @param {string} mode @param {Record<string, any>} config @param {string} words
 * @returns {Promise<string>} the page where it is shown
 */
export async function begin(mode, config, words) {
  const run = newRunId();
  const job = await startTask(mode, run, config);
  keep({ run, job, download: false, since: Date.now(), what: words }, "restore");
  return config.dryRun ? `${HOME}/restore` : `${HOME}/runs/${run}`;
}

/** The name of the library that a run is about; one that was never given a name has a path for it. @param {RunRecord} record @returns {string} */
export function targetOf(record) {
  const { name } = (record.notes || {}).target || {};
  return name && !/[\\/]/.test(name) ? name : "this library";
}

/** "the backup of 3 May 2026, 04:12". @param {RunRecord} record */
export function sourceOf(record) {
  const source = record.source || {};
  if (source.vault && source.written) return `the backup of ${dayTime(source.written)}`;
  return source.file || source.name || String((record.config || {}).source || "") || "the backup";
}

/** Whether a run wrote something to a library. @param {RunSummary} run */
export const hasWritten = (run) => CHANGING.includes(run.verb) && Object.values(run.counts || {}).some((row) => row.created || row.updated);

/** Whether a run was only a plan. @param {RunRecord} run */
export const isPlan = (run) => CHANGING.includes(run.verb) && Boolean(run.config && run.config.dryRun);

/** Whether a run was cut off while it wrote. @param {RunSummary} run */
export const wasCutOff = (run) => CHANGING.includes(run.verb) && Boolean(run.error);
