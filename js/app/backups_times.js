// A schedule as it is typed and as the timetable takes it. Pure: knows nothing of the page.

import { capital } from "./words.js";

/** @typedef {{verb: string, level: string, name: string, every: string, at: string, minute: string, weekdays: string[], day: string, hours: string, cron: string, notices: Notice[], maxWait: string}} Typed */

/** @type {string[][]} */
export const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"].map((day) => [day, capital(day)]);
/** @type {string[][]} */
export const MONTH_DAYS = [...Array.from({ length: 31 }, (_, index) => [String(index + 1), String(index + 1)]), ["last", "The last one"]];

/** At four, with a minute of its own, so that not everybody's disk works at the same moment. @returns {Typed} */
export const proposed = () => ({ verb: "backup", level: "full", name: "", every: "day", at: `04:${String(Math.floor(Math.random() * 60)).padStart(2, "0")}`, minute: "0", weekdays: ["sunday"], day: "1", hours: "6", cron: "", notices: [], maxWait: "60" });

/** @param {Typed} typed @returns {any} */
export function scheduleOf({ every, at, minute, weekdays, day, hours, cron }) {
  if (every === "hours") return { everyHours: hours.trim() };
  if (every === "cron") return { cron: cron.trim() };
  if (every === "hour") return { every, at: `:${minute.trim().padStart(2, "0")}` };
  if (every === "week") return { every, at, weekday: weekdays };
  return every === "month" ? { every, at, day } : { every, at };
}

/** What an entry is called that was given no name. @param {string} verb @param {string} text its times */
export const nameOf = (verb, text) => capital(`${verb === "verify" ? "verify" : "back up"} ${text}`).slice(0, 80);

/** @param {PlanEntry} entry @returns {Typed} */
export function typedOf({ name, verb, config, schedule, text, notices, maxWait }) {
  // A name that only said the times says the new ones.
  const typed = { ...proposed(), name: name === nameOf(verb, text) ? "" : name, verb, level: String(config.level || "full"), notices, maxWait: String(maxWait) };
  if (schedule.everyHours) return { ...typed, every: "hours", hours: String(schedule.everyHours) };
  if (schedule.cron) return { ...typed, every: "cron", cron: schedule.cron };
  if (schedule.every === "hour") return { ...typed, every: "hour", minute: String(Number(schedule.at.slice(1))) };
  return { ...typed, every: schedule.every, at: schedule.at, weekdays: schedule.weekday || typed.weekdays, day: schedule.day ? String(schedule.day) : typed.day };
}
