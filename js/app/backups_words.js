// What backups are called: kinds, proof, moments, and the one sentence about how well this library is backed up.
// Pure: knows nothing of the page.

import { ago, clock, count, counted, day, listed } from "./words.js";

/** Kinds of records as the sentence about a backup names them, most telling first. */
const TELLING = ["scenes", "images", "galleries", "performers"];

/** @type {Record<string, string>} */
const KIND = { full: "Everything", portable: "Records and images", filtered: "A part" };

/** @param {string | undefined} kind */
export const kindName = (kind) => KIND[kind || ""] || "Unreadable";

/** A day by this machine's calendar: "2026-05-03". @param {Date} date */
const calendar = (date) => `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")}`;

/** "today, 04:12", "yesterday, 04:12", "3 May 2026, 04:12". @param {string} iso @param {number} [now] */
export function dayTime(iso, now = Date.now()) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const shown = calendar(date);
  if (shown === calendar(new Date(now))) return `today, ${clock(iso)}`;
  if (shown === calendar(new Date(now - 86400000))) return `yesterday, ${clock(iso)}`;
  return `${day(shown)}, ${clock(iso)}`;
}

/** The day only, as names of backups in a sentence. @param {string} iso */
export const dateOf = (iso) => dayTime(iso).replace(/, [^,]*$/, "");

/** "12,480 scenes, 310 performers", or all records together where the kinds are not known. @param {{records: number, counts?: Record<string, number>}} backup */
export function contents({ records, counts }) {
  const told = TELLING.filter((plural) => counts && counts[plural]).map((plural) => counted((counts || {})[plural], plural.replace(/ies$/, "y").replace(/s$/, ""), plural));
  return told.length ? told.slice(0, 3).join(", ") : counted(records, "record");
}

/** @type {Record<string, {word: string, sign: string, colour: string}>} */
const PROOF = {
  none: { word: "Not checked yet", sign: "faCircleQuestion", colour: "text-warning" },
  quick: { word: "Only its outline was checked", sign: "faCircleHalfStroke", colour: "text-warning" },
  full: { word: "Opened and counted", sign: "faCircleCheck", colour: "text-success" },
  drill: { word: "Restored on trial and counted", sign: "faCircleCheck", colour: "text-success" },
  failed: { word: "Damaged", sign: "faCircleXmark", colour: "text-danger" },
};

/** How far a backup was proven: sign, colour, and a sentence. @param {Backup} backup */
export function proofOf(backup) {
  const { word, sign, colour } = PROOF[backup.problem ? "failed" : backup.level] || PROOF.none;
  if (backup.problem) return { sign, colour, text: "Cannot be read" };
  const opened = backup.encrypted && word.startsWith("Opened") ? word.replace("Opened", "Opened, decrypted") : word;
  return { sign, colour, text: backup.proven ? `${opened}, ${dateOf(backup.proven)}` : opened };
}

/** Whether every byte of it was found good once. @param {Backup} backup */
export const isProven = (backup) => !backup.problem && (backup.level === "full" || backup.level === "drill");

/**
 * How well the library is backed up. `listing`: what the vault really holds, where it has been looked into.
 * @param {BackupNews} news @param {Listing | null} listing @param {number} [now]
 * @returns {{level: "good" | "warn" | "bad" | "none", text: string, more: string[]}}
 */
export function backupState(news, listing, now = Date.now()) {
  const { proven, failed, schedule } = news;
  // A vault may hold the backups of other libraries too, and one of a part is none of the library.
  const held = listing ? listing.backups.find((one) => isProven(one) && one.kind !== "filtered" && one.instance in listing.instances) : null;
  const last = listing ? held : proven;
  const good = last ? `${dayTime(last.time, now)} (${contents(last)})` : "";
  const more = [];
  if (listing && !held && proven && (!news.habits.vault || news.habits.vault === proven.vault)) more.push(`The last proven one, of ${dayTime(proven.time, now)}, is not in the vault any more.`);
  if (schedule && schedule.problem) more.push(schedule.problem);
  if (schedule && schedule.next) more.push(`Next backup ${ahead(schedule.next, now)}.`);
  if (failed) return { level: "bad", text: `The last backup failed, ${dayTime(failed.time, now)}: ${failed.reason}`, more: [good ? `Your last good backup is from ${good}.` : "There is no good backup.", ...more] };
  if (!last) return { level: "none", text: "No backup yet.", more };
  const late = schedule && schedule.overdue.length;
  if (late) return { level: "bad", text: `Overdue. Last proven backup: ${good}, ${ago(last.time, now)}.`, more: [`${listed(schedule.overdue.map((one) => one.name))} should have run since.`, ...more] };
  if (schedule && !schedule.scheduled) more.push("Nothing makes the next one by itself: there is no schedule.");
  else if (schedule && !schedule.starter.starts) more.push("Nothing starts it while this page is closed.");
  const stale = now - new Date(last.time).getTime() > 7 * 86400000;
  return { level: stale && !(schedule && schedule.scheduled) ? "warn" : "good", text: `Last proven backup: ${good}.`, more };
}

/** "today at 04:00", "on 3 May 2026 at 04:00". @param {string} iso @param {number} [now] */
export function ahead(iso, now = Date.now()) {
  const shown = calendar(new Date(iso));
  if (shown === calendar(new Date(now))) return `today at ${clock(iso)}`;
  if (shown === calendar(new Date(now + 86400000))) return `tomorrow at ${clock(iso)}`;
  return `on ${day(shown)} at ${clock(iso)}`;
}

const UNITS = /** @type {Record<string, string>} */ ({ h: "hour", d: "day", w: "week", m: "month", y: "year" });
export const RULES = [
  ["keepLast", "last ones", "backup"],
  ["keepHourly", "hours", "hour"],
  ["keepDaily", "days", "day"],
  ["keepWeekly", "weeks", "week"],
  ["keepMonthly", "months", "month"],
  ["keepYearly", "years", "year"],
];

/** What is kept, in words. @param {Record<string, any> | undefined} keep */
export function keptWords(keep) {
  const rules = keep || {};
  const spans = RULES.slice(1).filter(([key]) => rules[key]).map(([key, many, one]) => (rules[key] === "all" ? `every ${one}` : `the last ${rules[key] === 1 || rules[key] === "1" ? one : `${count(Number(rules[key]))} ${many}`}`));
  const parts = [];
  if (rules.keepLast) parts.push(rules.keepLast === "all" ? "all of them" : `the last ${count(Number(rules.keepLast))}`);
  if (spans.length) parts.push(`one for each of ${listed(spans)}`);
  const within = /^(\d+)([hdwmy])$/.exec(String(rules.keepWithin || ""));
  if (within) parts.push(`all of the last ${counted(Number(within[1]), UNITS[within[2]])}`);
  return parts.length ? listed(parts) : "all of them";
}
