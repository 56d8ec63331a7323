// Talking to the plugin's back end and to Stash's job queue. Every failure comes out as a Problem: what happened and what to do.

import { client, gql, GQL } from "./host.js";

export const PLUGIN = "stash_port";
/** How the texts of our jobs in Stash's queue begin. */
const OURS = "Stash Port: ";
/** Whether a job is ours: after a restart of Stash its numbers begin anew. @param {Job} job */
export const isOurs = (job) => job.description.includes(OURS);

const OPERATION = gql`
  mutation StashPortOperation($id: ID!, $args: Map) {
    runPluginOperation(plugin_id: $id, args: $args)
  }
`;
const TASK = gql`
  mutation StashPortTask($id: ID!, $description: String, $args: Map) {
    runPluginTask(plugin_id: $id, description: $description, args_map: $args)
  }
`;

/** A failure that carries a Problem. */
export class PortError extends Error {
  /** @param {Problem} problem */
  constructor(problem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** The Problem in whatever was thrown. @param {any} thrown @returns {Problem} */
export function problemOf(thrown) {
  if (thrown instanceof PortError) return thrown.problem;
  if (thrown && thrown.networkError) {
    return { error: "Unreachable", message: "Stash did not answer.", hint: `Check that Stash is running and that you are still logged in. (${thrown.networkError.message})` };
  }
  const text = String((thrown && thrown.message) || thrown || "").trim();
  return { error: "Unexpected", message: text || "The plugin gave no answer.", hint: "Stash's log (Settings > Logs) says more." };
}

/**
 * Asks the back end one question.
 * @param {Record<string, any>} args with `mode`
 * @returns {Promise<any>} the answer, without its `ok`
 */
export async function ask(args) {
  const { data } = await client().mutate({ mutation: OPERATION, variables: { id: PLUGIN, args }, fetchPolicy: "no-cache" });
  const answer = data && data.runPluginOperation;
  if (!answer || typeof answer !== "object") {
    const said = typeof answer === "string" && answer ? ` It said: ${answer.slice(0, 300)}` : "";
    throw new PortError({ error: "NoAnswer", message: `The plugin's answer could not be read.${said}`, hint: "Stash's log (Settings > Logs) says more. Stash Port needs Python 3.10 or later." });
  }
  if (answer.ok === false) throw new PortError(answer.error || { error: "Unexpected", message: "The plugin refused without a reason." });
  return answer;
}

/**
 * Puts a run into Stash's queue.
 * @param {string} mode @param {string} run @param {Record<string, any>} config
 * @returns {Promise<string>} the job's id
 */
export async function startTask(mode, run, config) {
  const { data } = await client().mutate({
    mutation: TASK,
    variables: { id: PLUGIN, description: OURS + mode, args: { mode, run, config } },
    fetchPolicy: "no-cache",
  });
  return String(data.runPluginTask);
}

/** The whole queue of Stash. @returns {Promise<Job[]>} */
export async function jobQueue() {
  const { data } = await client().query({ query: GQL.JobQueueDocument, fetchPolicy: "no-cache" });
  return (data && data.jobQueue) || [];
}

/** Takes a job out of Stash's queue; a running one is ended at once. @param {string} job */
export async function endJob(job) {
  await client().mutate({ mutation: GQL.StopJobDocument, variables: { job_id: job }, fetchPolicy: "no-cache" });
}

/** @type {Promise<Hello> | null} */
let greeting = null;
let greeted = 0;

/** Milliseconds since the back end was greeted. */
export const greetingAge = () => Date.now() - greeted;

/** The first question, asked once as long as the page is open. @returns {Promise<Hello>} */
export function hello() {
  if (!greeting) {
    greeting = ask({ mode: "hello" });
    greeted = Date.now();
    greeting.catch(() => (greeting = null));
  }
  return greeting;
}

/** A run has ended or was seen anew: the remembered greeting learns it, so that no page shows older news. @param {RunSummary} record */
export async function learn(record) {
  if (!greeting) return;
  const known = await greeting;
  known.runs = [record, ...known.runs.filter((other) => other.run !== record.run)].sort((a, b) => (a.run < b.run ? 1 : -1));
}

/** What is known of backups has changed. @param {Partial<BackupNews>} news */
export async function learnBackup(news) {
  if (!greeting) return;
  const known = await greeting;
  known.backup = { habits: {}, ...known.backup, ...news };
}

/** What is due is started, and what starts it from now on; what is known of backups then, or null where nothing had to be done. @param {Hello} hello @returns {Promise<BackupNews | null>} */
export async function catchUp({ backup }) {
  const schedule = backup && backup.schedule;
  if (!schedule || !schedule.scheduled || (!schedule.due && schedule.starter.starts)) return null;
  await ask({ mode: schedule.due ? "catch-up" : "resident-start" });
  const { backup: fresh } = await ask({ mode: "backupNews" });
  learnBackup(fresh);
  return fresh;
}

/** Presets have changed. @param {Preset[]} presets */
export async function learnPresets(presets) {
  if (greeting) (await greeting).presets = presets;
}
