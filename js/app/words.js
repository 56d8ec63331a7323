// Numbers, times and sizes as a person reads them, in the language that Stash is set to.

let locale = "en-GB";

/** @param {string} name Stash's language */
export function setLocale(name) {
  // Stash's name may lack the country; the browser knows how its user writes a date.
  locale = (name && !name.includes("-") && navigator.languages.find((one) => one.split("-")[0] === name)) || name || "en-GB";
}

/** @param {number} value */
export const count = (value) => value.toLocaleString(locale);

/** "1 record", "15,412 records". @param {number} value @param {string} one @param {string} [many] */
export const counted = (value, one, many) => `${count(value)} ${value === 1 ? one : many || one + "s"}`;

/** @param {number} fraction 0 to 1 */
export const percent = (fraction) => `${Math.floor(Math.max(0, Math.min(1, fraction)) * 100)} %`;

/** @param {number | null | undefined} bytes */
export function size(bytes) {
  if (bytes === null || bytes === undefined) return "";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toLocaleString(locale, { maximumFractionDigits: digits })} ${units[unit]}`;
}

/** "3 min 20 s". @param {number} seconds */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (seconds > 0 && seconds < 1) return "less than a second";
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 10 && whole % 60) return `${minutes} min ${whole % 60} s`;
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** What is left, rounded as a guess should be. @param {number} seconds */
export function remaining(seconds) {
  if (seconds < 5) return "a few seconds left";
  if (seconds < 60) return `about ${Math.ceil(seconds / 5) * 5} s left`;
  if (seconds < 3600) return `about ${Math.ceil(seconds / 60)} min left`;
  return `about ${duration(seconds)} left`;
}

/** @param {string} iso */
export function moment(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? iso : date.toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" });
}

/** A day without a time. @param {string} iso "2024-05-01" */
export function day(iso) {
  const date = new Date(`${iso}T12:00`);
  return Number.isNaN(date.getTime()) ? iso : date.toLocaleDateString(locale, { dateStyle: "medium" });
}

/** "04:12". @param {string} iso */
export const clock = (iso) => new Date(iso).toLocaleTimeString(locale, { timeStyle: "short" });

/** "2 hours ago". @param {string} iso @param {number} [now] */
export function ago(iso, now = Date.now()) {
  const seconds = (new Date(iso).getTime() - now) / 1000;
  if (Number.isNaN(seconds)) return "";
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  /** @type {[Intl.RelativeTimeFormatUnit, number][]} */
  const units = [["year", 31557600], ["month", 2629800], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
  for (const [unit, length] of units) {
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit);
  }
  return "just now";
}

/** @param {string} text */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** ["a", "b", "c"] -> "a, b and c". @param {string[]} list @param {string} [last] */
export const listed = (list, last = "and") => (list.length < 2 ? list.join("") : `${list.slice(0, -1).join(", ")} ${last} ${list[list.length - 1]}`);

/** @param {string} text */
export const quoted = (text) => `\u201c${text}\u201d`;

/** A new run's id: the moment in UTC and six random hex digits. */
export function newRunId() {
  const stamp = new Date().toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  const random = crypto.getRandomValues(new Uint8Array(3));
  return `${stamp}-${Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
