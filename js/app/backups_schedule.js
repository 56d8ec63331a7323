// When backups are made by themselves: the timetable's entries, an editor with the next five dates, and who starts them.

import { B, Icon, h, icons, useEffect, useRef, useState } from "./host.js";
import { ask, learnBackup, problemOf } from "./ask.js";
import { ahead, dayTime } from "./backups_words.js";
import { NoticesFields, noticesOf, noticesProblem, noticesWords } from "./backups_notices.js";
import { Starter } from "./backups_starter.js";
import { DAYS, MONTH_DAYS, nameOf, proposed, scheduleOf, typedOf } from "./backups_times.js";
import { useGuarded } from "./guarded.js";
import { FoldSection, Input, Labelled, ProblemBox, Warn } from "./parts.js";
import { ago, capital, moment, quoted } from "./words.js";

/** @typedef {import("./backups_times.js").Typed} Typed */

/** @param {{glance: Glance | undefined, encrypted: boolean, onChanged: (glance: Glance) => void}} props */
export function ScheduleSection({ glance, encrypted, onChanged }) {
  const [open, setOpen] = useState(false);
  const [entries, setEntries] = useState(/** @type {PlanEntry[] | null} */ (null));
  const [editing, setEditing] = useState(/** @type {PlanEntry | "new" | null} */ (null));
  const [starter, setStarter] = useState(glance && glance.starter);
  const [remarks, setRemarks] = useState(/** @type {string[]} */ ([]));
  const { busy, problem, guarded, here } = useGuarded();
  const read = async () => {
    const found = await ask({ mode: "schedule", action: "list" });
    if (!here.current) return;
    const own = found.entries.filter((/** @type {PlanEntry} */ one) => one.verb !== "export");
    setEntries(own);
    setStarter(found.starter);
    setEditing((before) => (before === null && !own.length ? "new" : before));
    if (found.problem) setRemarks([found.problem]);
  };
  useEffect(() => {
    if (open && !entries) guarded(read);
  }, [open]);
  /** What stands in the timetable now, and who starts it. */
  const learn = async () => {
    await read();
    const status = await ask({ mode: "schedule", action: "status" });
    learnBackup({ schedule: status });
    if (here.current) onChanged(status);
  };
  /** @param {Record<string, any>} args */
  const change = (args) =>
    guarded(async () => {
      const answer = await ask({ mode: "schedule", ...args });
      if (here.current) {
        setRemarks(answer.remarks || []);
        setEditing(null);
      }
      await learn();
    });
  const summary = glance ? (glance.scheduled ? (glance.next ? `Next ${ahead(glance.next)}` : "Set") : "None: nothing is backed up by itself") : "";
  return h(
    FoldSection,
    { id: "sp-schedule", title: "Schedule", summary, open, onToggle: () => setOpen(!open) },
    problem ? h("div", { className: "sp-block" }, h(ProblemBox, { problem })) : null,
    (entries || []).map((entry) => (editing === entry ? null : h(EntryRow, { key: entry.id, entry, busy, onEdit: () => setEditing(entry), onEnable: (enabled) => change({ action: "enable", id: entry.id, enabled }), onRemove: () => change({ action: "remove", id: entry.id }) }))),
    editing
      ? h(Editor, { key: editing === "new" ? "new" : editing.id, encrypted, entry: editing === "new" ? null : editing, busy, onCancel: entries && entries.length ? () => setEditing(null) : null, onSave: (fields) => change(editing === "new" ? { action: "add", config: {}, ...fields } : { action: "change", id: editing.id, ...fields }) })
      : entries
        ? h("div", { className: "sp-block" }, h(B.Button, { variant: "secondary", disabled: busy, onClick: () => setEditing("new") }, h(Icon, { icon: icons.faPlus, className: "mr-2" }), "Add another"))
        : null,
    starter && entries ? h(Starter, { starter, remarks, needed: entries.some((one) => one.enabled), onChanged: learn }) : null
  );
}

/** @param {{entry: PlanEntry, busy: boolean, onEdit: () => void, onEnable: (on: boolean) => void, onRemove: () => void}} props */
function EntryRow({ entry, busy, onEdit, onEnable, onRemove }) {
  const [asked, setAsked] = useState(false);
  const first = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (asked && first.current) first.current.focus();
  }, [asked]);
  const last = entry.lastFinished ? `Last run ${dayTime(entry.lastFinished)}: ${RESULTS[entry.lastResult || ""] || entry.lastResult}.` : "It has not run yet.";
  return h(
    "div",
    { className: "sp-block sp-preset" },
    h(
      "div",
      { className: "sp-output" },
      h("strong", null, entry.name),
      h("div", null, `${entry.verb === "verify" ? "Verifies" : "Backs up"} ${entry.text}.`),
      h("div", { className: "sub-heading" }, entry.enabled ? `${last}${entry.next[0] ? ` Next ${ahead(entry.next[0])}.` : ""}` : `Off. ${last}`),
      entry.notices.length ? h("div", { className: "sub-heading" }, noticesWords(entry.notices)) : null,
      entry.overdue ? h("div", { className: "text-danger" }, h(Icon, { icon: icons.faCircleXmark, className: "mr-1" }), `Overdue: its last good run was ${entry.lastGood ? ago(entry.lastGood) : "never"}.`) : null
    ),
    asked
      ? h(
          "div",
          { className: "sp-buttons mt-0", role: "group", "aria-label": `Remove ${entry.name}?` },
          h("span", null, `Remove ${quoted(entry.name)}? Its backups stay.`),
          h(B.Button, { ref: first, variant: "secondary", size: "sm", onClick: () => setAsked(false) }, "Leave it"),
          h(B.Button, { variant: "danger", size: "sm", disabled: busy, onClick: onRemove }, "Remove")
        )
      : h(
          "div",
          { className: "sp-buttons mt-0" },
          h(B.Form.Switch, { id: `sp-entry-${entry.id}`, label: entry.enabled ? "On" : "Off", "aria-label": `${entry.name}: runs by itself`, checked: entry.enabled, disabled: busy, onChange: (/** @type {any} */ event) => onEnable(event.currentTarget.checked) }),
          h(B.Button, { variant: "secondary", size: "sm", disabled: busy, onClick: onEdit, "aria-label": `Change ${entry.name}` }, "Change"),
          h(B.Button, { variant: "secondary", size: "sm", className: "minimal", disabled: busy, onClick: () => setAsked(true), "aria-label": `Remove ${entry.name}…`, title: "Remove…" }, h(Icon, { icon: icons.faTrash }))
        )
  );
}

/** @type {Record<string, string>} */
const RESULTS = { ok: "done", partial: "partly done", failed: "failed", cancelled: "taken out of Stash's queue" };

/** @param {{entry: PlanEntry | null, encrypted: boolean, busy: boolean, onSave: (fields: Record<string, any>) => void, onCancel: (() => void) | null}} props */
function Editor({ entry, encrypted, busy, onSave, onCancel }) {
  const [typed, setTyped] = useState(() => (entry ? typedOf(entry) : proposed()));
  const [next, setNext] = useState(/** @type {{key: string, dates: string[], text: string} | null} */ (null));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  /** @param {Partial<Typed>} part */
  const set = (part) => setTyped({ ...typed, ...part });
  const schedule = scheduleOf(typed);
  const key = JSON.stringify(schedule);
  useEffect(() => {
    let wanted = true;
    setProblem(null);
    const timer = window.setTimeout(async () => {
      try {
        const found = await ask({ mode: "schedule", action: "next", schedule });
        if (wanted) setNext({ key, dates: found.next, text: found.text });
      } catch (error) {
        if (wanted) setProblem(problemOf(error));
      }
    }, 300);
    return () => {
      wanted = false;
      window.clearTimeout(timer);
    };
  }, [key]);
  const known = next && next.key === key ? next : null;
  const unready = noticesProblem(typed.notices, typed.maxWait);
  /** @param {string} id @param {string} label @param {string} value @param {string[][]} options @param {(value: string) => void} onChange */
  const select = (id, label, value, options, onChange) =>
    h(Labelled, { id, label }, h(B.Form.Control, { as: "select", id, className: "input-control", value, onChange: (/** @type {any} */ event) => onChange(event.currentTarget.value) }, options.map(([one, name]) => h("option", { key: one, value: one }, name))));
  return h(
    "form",
    {
      className: "sp-block",
      onSubmit: (/** @type {any} */ event) => {
        event.preventDefault();
        if (!busy && known && !unready) onSave({ name: typed.name.trim() || nameOf(typed.verb, known.text), verb: typed.verb, schedule, enabled: entry ? entry.enabled : true, notices: noticesOf(typed.notices), maxWait: Number(typed.maxWait), ...(typed.verb === "verify" ? { config: { backup: "latest", level: typed.level } } : {}) });
      },
    },
    h(
      "div",
      { className: "sp-filter-grid" },
      select("sp-when-verb", "What", typed.verb, [["backup", "Back up"], ["verify", "Verify the newest backup"]], (verb) => set({ verb })),
      typed.verb === "verify" ? select("sp-when-level", "How far", typed.level, [["quick", "Quick"], ["full", "Full"], ["drill", "Trial restore"]], (level) => set({ level })) : null,
      select("sp-when-every", "When", typed.every, [["day", "Every day"], ["week", "Every week"], ["month", "Every month"], ["hour", "Every hour"], ["hours", "Every so many hours"], ["cron", "A cron expression"]], (every) => set({ every })),
      typed.every === "week" ? h(Weekdays, { chosen: typed.weekdays, onChange: (weekdays) => set({ weekdays }) }) : null,
      typed.every === "month" ? select("sp-when-day", "Day of the month", typed.day, MONTH_DAYS, (day) => set({ day })) : null,
      ["day", "week", "month"].includes(typed.every) ? h(Input, { id: "sp-when-at", type: "time", label: "At", required: true, value: typed.at, onChange: (at) => set({ at }) }) : null,
      typed.every === "hour" ? h(Input, { id: "sp-when-minute", type: "number", min: 0, max: 59, label: "Minutes past the hour", value: typed.minute, onChange: (minute) => set({ minute }) }) : null,
      typed.every === "hours" ? h(Input, { id: "sp-when-hours", type: "number", min: 1, max: 8784, label: "Hours between two", value: typed.hours, onChange: (hours) => set({ hours }) }) : null,
      typed.every === "cron" ? h(Input, { id: "sp-when-cron", label: "Cron expression", spellCheck: false, autoComplete: "off", placeholder: "0 4 * * *", help: "Minute, hour, day, month, day of the week.", value: typed.cron, onChange: (cron) => set({ cron }) }) : null,
      h(Input, { id: "sp-when-name", label: "Name", maxLength: 80, placeholder: known ? nameOf(typed.verb, known.text) : "", value: typed.name, onChange: (name) => set({ name }) })
    ),
    encrypted && typed.verb === "verify" && typed.level !== "quick" ? h(Warn, null, "The vault is encrypted, and this machine cannot open it by itself: only a quick look works without you. Every backup is opened and counted while it is made.") : null,
    problem ? h(ProblemBox, { problem }) : h("div", { role: "status", className: "mt-3" }, known ? h(Dates, { known }) : h("span", { className: "text-muted" }, "Looking when that is…")),
    h(NoticesFields, { notices: typed.notices, maxWait: typed.maxWait, onChange: set }),
    unready ? h("p", { id: "sp-when-reason", className: "text-warning mt-2 mb-0" }, unready) : null,
    h(
      "div",
      { className: "sp-buttons mt-3" },
      h(B.Button, { type: "submit", variant: "primary", disabled: busy || !known || Boolean(unready), "aria-describedby": unready ? "sp-when-reason" : undefined }, entry ? "Save" : typed.verb === "verify" ? "Verify by itself" : "Back up by itself"),
      onCancel ? h(B.Button, { variant: "secondary", disabled: busy, onClick: onCancel }, "Leave it as it is") : null
    )
  );
}

/** @param {{chosen: string[], onChange: (days: string[]) => void}} props */
function Weekdays({ chosen, onChange }) {
  return h(
    "fieldset",
    { className: "sp-field" },
    h("legend", { className: "sp-label" }, "On"),
    h(
      "div",
      { className: "sp-inline-list" },
      DAYS.map(([day, name]) =>
        h(B.Form.Check, {
          key: day,
          custom: true,
          inline: true,
          type: "checkbox",
          id: `sp-when-${day}`,
          label: name,
          checked: chosen.includes(day),
          onChange: (/** @type {any} */ event) => onChange(DAYS.map(([one]) => one).filter((one) => (one === day ? event.currentTarget.checked : chosen.includes(one)))),
        })
      )
    )
  );
}

/** @param {{known: {dates: string[], text: string}}} props */
function Dates({ known }) {
  return h(
    "div",
    null,
    h("p", { className: "mb-1" }, `${capital(known.text)}, by the clock of the machine that runs Stash. The next five:`),
    h("ol", { className: "sp-dates mb-0" }, known.dates.map((iso) => h("li", { key: iso }, h("time", { dateTime: iso }, moment(iso))))),
    known.dates.length < 2 ? h(Warn, null, "It does not come again.") : null
  );
}
