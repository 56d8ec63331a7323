// Who is told how a scheduled run ended, and how long it waits for its turn.

import { B, Icon, h, icons, useState } from "./host.js";
import { Fold, Input, Labelled } from "./parts.js";
import { count, counted, listed } from "./words.js";

const MOST = 10;
/** Minutes: a week. */
const LONGEST = 7 * 24 * 60;
const USUAL = ["failed", "partial", "overdue"];

/** @type {[string, string, string][]} kind, name, what it sends */
const KINDS = [
  ["webhook", "Webhook", "JSON is posted: the entry's name, how it ended, counts and the kind of the error. Discord, Slack and Mattermost show it as it is."],
  ["ntfy", "ntfy", "A sentence is posted, with a title and a priority: the entry's name, how it ended and the number of records."],
  ["deadman", "Dead-man's address", "It is asked for after each run that ended well, and gets nothing else: whoever is behind it misses the sign, and tells you. Works even when this machine is off."],
];
/** @type {[string, string][]} event, words */
const EVENTS = [
  ["failed", "failed"],
  ["partial", "is not complete"],
  ["overdue", "is overdue"],
  ["ok", "ended well"],
];

/** @param {string} url */
const goodUrl = (url) => /^https?:\/\/[^\s/]+/i.test(url.trim());

/** Why this cannot be saved, or "". Not left to the browser: what is folded away it could not point at. @param {Notice[]} notices @param {string} maxWait as typed */
export function noticesProblem(notices, maxWait) {
  if (!/^\d+$/.test(maxWait.trim()) || Number(maxWait) > LONGEST) return `How long it waits is a number of minutes from 0 to ${count(LONGEST)}.`;
  if (notices.some((one) => !goodUrl(one.url))) return "The address of a notice begins with https:// or http://.";
  return notices.some((one) => one.kind !== "deadman" && !(one.on || []).length) ? "Tick what a notice tells of, or remove it." : "";
}

/** As the timetable takes them. @param {Notice[]} notices @returns {Notice[]} */
export const noticesOf = (notices) => notices.map(({ kind, url, on, fail }) => (kind === "deadman" ? { kind, url: url.trim(), fail: Boolean(fail) } : { kind, url: url.trim(), on: on || USUAL }));

/** Only the hosts: the rest of an address can be a secret. @param {Notice[]} notices */
export const noticesWords = (notices) => (notices.length ? `Tells ${listed([...new Set(notices.map((one) => one.url.replace(/^https?:\/\/(?:[^/?#]*@)?([^/?#:]+).*$/i, "$1")))])}.` : "");

/** @param {{notices: Notice[], maxWait: string, onChange: (part: {notices?: Notice[], maxWait?: string}) => void}} props `maxWait`: minutes, as typed */
export function NoticesFields({ notices, maxWait, onChange }) {
  const [open, setOpen] = useState(notices.length > 0);
  /** @param {number} index @param {Partial<Notice>} part */
  const change = (index, part) => onChange({ notices: notices.map((one, at) => (at === index ? { ...one, ...part } : one)) });
  return h(
    "div",
    { className: "mt-3" },
    h("h3", { className: "mb-0" }, h(Fold, { id: "sp-when-more", label: `Being told, and waiting${notices.length ? ` (${counted(notices.length, "notice")})` : ""}`, open, onToggle: () => setOpen(!open), className: "pl-0" })),
    h(
      "div",
      { id: "sp-when-more", hidden: !open },
      h("p", { className: "sub-heading" }, "No notice holds a title, a path or a secret. Webhook and ntfy are sent from this machine: if nothing starts the runs, nothing sends them either."),
      notices.map((notice, index) => h(NoticeFields, { key: index, notice, id: `sp-notice-${index}`, number: index + 1, onChange: (part) => change(index, part), onRemove: () => onChange({ notices: notices.filter((_, at) => at !== index) }) })),
      h(B.Button, { variant: "secondary", size: "sm", disabled: notices.length >= MOST, onClick: () => onChange({ notices: [...notices, { kind: "webhook", url: "", on: USUAL }] }) }, h(Icon, { icon: icons.faPlus, className: "mr-2" }), notices.length ? "Another notice" : "Add a notice"),
      h("div", { className: "sp-short mt-3" }, h(Input, { id: "sp-when-wait", inputMode: "numeric", maxLength: 5, autoComplete: "off", label: "Waits for Stash at most (minutes)", help: "While Stash is busy, for example with a long scan. After that it runs beside it.", value: maxWait, onChange: (value) => onChange({ maxWait: value }) }))
    )
  );
}

/** @param {{notice: Notice, id: string, number: number, onChange: (part: Partial<Notice>) => void, onRemove: () => void}} props */
function NoticeFields({ notice, id, number, onChange, onRemove }) {
  const [, , sends] = KINDS.find(([kind]) => kind === notice.kind) || KINDS[0];
  const on = notice.on || USUAL;
  /** @param {string} name @param {string} label @param {boolean} checked @param {(checked: boolean) => void} write */
  const check = (name, label, checked, write) => h(B.Form.Check, { key: name, custom: true, inline: true, type: "checkbox", id: `${id}-${name}`, label, checked, onChange: (/** @type {any} */ event) => write(event.currentTarget.checked) });
  return h(
    "fieldset",
    { className: "sp-field sp-notice" },
    h("legend", { className: "sr-only" }, `Notice ${number}`),
    h(
      "div",
      { className: "sp-notice-line" },
      h(Labelled, { id: `${id}-kind`, label: "Notice" }, h(B.Form.Control, { as: "select", id: `${id}-kind`, className: "input-control", value: notice.kind, onChange: (/** @type {any} */ event) => onChange({ kind: event.currentTarget.value }) }, KINDS.map(([kind, name]) => h("option", { key: kind, value: kind }, name)))),
      h(Input, { id: `${id}-url`, inputMode: "url", label: "Address", maxLength: 2000, autoComplete: "off", spellCheck: false, placeholder: notice.kind === "ntfy" ? "https://ntfy.sh/my-topic" : "https://", value: notice.url, onChange: (url) => onChange({ url }) }),
      h(B.Button, { variant: "secondary", className: "minimal", "aria-label": `Remove notice ${number}`, title: "Remove", onClick: onRemove }, h(Icon, { icon: icons.faTrash }))
    ),
    h("div", { className: "sub-heading" }, sends),
    notice.kind === "deadman"
      ? check("fail", "After a run that failed, ask for /fail below it", Boolean(notice.fail), (fail) => onChange({ fail }))
      : h("div", null, h("span", { className: "mr-2" }, "When it"), EVENTS.map(([event, words]) => check(event, words, on.includes(event), (checked) => onChange({ on: EVENTS.map(([one]) => one).filter((one) => (one === event ? checked : on.includes(one))) }))))
  );
}
