// What is kept: numbers, and what they mean for the backups that are there, before anything is saved.

import { B, Icon, h, icons, useEffect, useState } from "./host.js";
import { ask, problemOf } from "./ask.js";
import { RULES, dateOf, dayTime, keptWords } from "./backups_words.js";
import { useGuarded } from "./guarded.js";
import { FoldSection, Input, ProblemBox, Warn } from "./parts.js";
import { capital, count, counted } from "./words.js";

/** What is proposed where nothing was chosen yet. */
const PROPOSED = { keepDaily: "7", keepWeekly: "4", keepMonthly: "12" };

/** As typed: rules without the empty ones. @param {Record<string, string>} typed */
const rulesOf = (typed) => Object.fromEntries(Object.entries(typed).map(([key, value]) => [key, value.trim()]).filter(([, value]) => value && value !== "0").sort(([a], [b]) => (a < b ? -1 : 1)));

/** What is in force, as it would be typed. @param {Habits} habits @returns {Record<string, string>} */
const typedOf = (habits) => Object.fromEntries(Object.entries(habits.keep || {}).map(([key, value]) => [key, String(value)]));

/** @param {{listing: Listing | null, habits: Habits, saveHabits: (part: Habits) => Promise<void>}} props */
export function KeepSection({ listing, habits, saveHabits }) {
  const chosen = Boolean(habits.keep && Object.keys(habits.keep).length);
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState(/** @type {Record<string, string>} */ (chosen ? typedOf(habits) : PROPOSED));
  const [preview, setPreview] = useState(/** @type {{rules: string, backups: Backup[]} | null} */ (null));
  const [said, setSaid] = useState("");
  const { busy, problem, setProblem, guarded, here } = useGuarded();
  const rules = rulesOf(typed);
  const key = JSON.stringify(rules);
  const saved = chosen && key === JSON.stringify(rulesOf(typedOf(habits)));
  // Asked anew a moment after the last key was pressed.
  useEffect(() => {
    if (!open) return undefined;
    let wanted = true;
    setProblem(null);
    const timer = window.setTimeout(async () => {
      try {
        const found = await ask({ mode: "backups", keep: rules });
        if (wanted) setPreview({ rules: key, backups: found.backups });
      } catch (error) {
        if (wanted) setProblem(problemOf(error));
      }
    }, 400);
    return () => {
      wanted = false;
      window.clearTimeout(timer);
    };
  }, [open, key, listing && listing.backups.length]);
  /** @param {Record<string, string>} keep @param {string} words */
  const save = (keep, words) =>
    guarded(async () => {
      setSaid("");
      await saveHabits({ keep });
      if (here.current) setSaid(words);
    });
  return h(
    FoldSection,
    { id: "sp-keep", title: "What is kept", summary: chosen ? capital(keptWords(habits.keep)) : "Everything: nothing is deleted until you choose", open, onToggle: () => setOpen(!open) },
    h(
      "form",
      {
        className: "sp-block",
        onSubmit: (/** @type {any} */ event) => {
          event.preventDefault();
          if (!busy && !saved) save(rules, "Saved.");
        },
      },
      chosen ? null : h("p", null, "This is a proposal: until you save it, every backup stays."),
      h(
        "div",
        { className: "sp-numbers-grid" },
        RULES.map(([name, many]) =>
          h(Input, {
            key: name,
            id: `sp-${name}`,
            label: name === "keepLast" ? "Newest" : capital(many),
            inputMode: "numeric",
            maxLength: 6,
            placeholder: "0",
            autoComplete: "off",
            value: typed[name] || "",
            onChange: (value) => setTyped({ ...typed, [name]: value }),
          })
        ),
        h(Input, { id: "sp-keepWithin", label: "All within", placeholder: "30d", maxLength: 8, autoComplete: "off", value: typed.keepWithin || "", onChange: (keepWithin) => setTyped({ ...typed, keepWithin }) })
      ),
      h("p", { className: "sub-heading mt-2" }, "Of each of the last days, weeks and so on that have a backup, the newest proven one is kept. All within: a number with h, d, w, m or y. The newest proven backup, pinned ones and damaged ones always stay."),
      problem ? h(ProblemBox, { problem }) : h(Foreseen, { preview: preview && preview.rules === key ? preview.backups : null }),
      h(
        "div",
        { className: "sp-buttons mt-2" },
        h(B.Button, { type: "submit", variant: "primary", disabled: busy || saved || Boolean(problem) || !Object.keys(rules).length }, "Keep these"),
        chosen ? h(B.Button, { variant: "secondary", disabled: busy, onClick: () => save({}, "Saved: every backup stays.") }, "Keep everything") : null,
        h("span", { role: "status" }, saved && !said ? "These are in force." : said)
      )
    )
  );
}

/** What the rules would delete of what is there. @param {{preview: Backup[] | null}} props null: not known yet */
function Foreseen({ preview }) {
  if (!preview) return h("p", { role: "status", className: "text-muted" }, "Looking what that means…");
  const going = preview.filter((one) => !one.keep);
  if (!preview.length) return h("p", { role: "status" }, "There is no backup yet that it could delete.");
  if (!going.length) return h("p", { role: "status" }, h(Icon, { icon: icons.faCheck, className: "text-success mr-2" }), `Deletes none of the ${counted(preview.length, "backup")} that are there.`);
  const days = going.map((one) => dateOf(one.time));
  // Two of one day are told apart by their times.
  const dates = going.map((one, index) => (days.filter((day) => day === days[index]).length > 1 ? dayTime(one.time) : days[index]));
  const more = dates.length > 12 ? `; and ${count(dates.length - 12)} more` : "";
  return h(
    "div",
    { role: "status" },
    h(Warn, null, h("strong", null, `Deletes ${count(going.length)} of ${counted(preview.length, "backup")} after the next good one: `), `${dates.slice(0, 12).join("; ")}${more}.`)
  );
}
