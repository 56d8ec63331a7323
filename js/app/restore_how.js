// How a restore writes: what happens to what is here already, and, behind "More", by which way, where files lie now, and the rest.

import { B, Icon, h, icons, useState } from "./host.js";
import { Choices, FoldSection, Input, Section, SwitchRow, Warn } from "./parts.js";
import { counted } from "./words.js";

/** @typedef {{wish: Wish, set: (part: Partial<Wish>) => void}} Props */

/** @param {Props} props */
export function HowSection({ wish, set }) {
  if (wish.method === "database") return null;
  const options = [
    { value: "merge", label: "Fill in what is empty, add what is missing (recommended)", help: "Nothing that is here is overwritten. Tags, performers, markers and the like get those that they lack." },
    { value: "prompt", label: "Ask me about each difference", help: "The same, and where both tell something else, you decide." },
    { value: "exact", label: "Make them as in the backup", help: "What was changed since goes back, also to empty. What is not in the backup stays." },
    { value: "skip", label: "Leave what is here alone, only add what is missing", help: "Records that are here already are not touched at all." },
  ];
  return h(Section, { title: "How" }, h("div", { className: "sp-block" }, h(Choices, { name: "sp-strategy", legend: "What happens to what is here already", value: wish.strategy, options, onChange: (/** @type {string} */ strategy) => set({ strategy }) })));
}

/** @type {Record<string, string>} */
const METHODS = { api: "through Stash", bulk: "into the database", database: "the whole database" };

/** @param {Props} props */
export function MoreSection({ wish, set }) {
  const [open, setOpen] = useState(wish.method !== "api" || wish.paths.length > 0 || wish.files !== "scan" || wish.settings || wish.salvage);
  const summary = [METHODS[wish.method] || wish.method, wish.paths.length ? counted(wish.paths.length, "path rule") : "", wish.settings ? "with settings" : ""].filter(Boolean).join(", ");
  const methods = [
    { value: "api", label: "Through Stash itself", help: "Works with every version and while Stash is in use. Some things cannot be set this way, such as when a record was added: the plan lists them." },
    { value: "bulk", label: "Into Stash's database", help: "Guarded, much faster, and exact to the last date. A fresh library is filled all at once; else what Stash itself cannot set is written this way." },
    { value: "database", label: "The whole database in place of this one", help: "Everything becomes as it was then; what was added since is not in it. Stash has to be restarted, and going back is one more restart." },
  ];
  const whole = wish.method === "database";
  return h(
    FoldSection,
    { id: "sp-restore-more", title: "More", summary, open, onToggle: () => setOpen(!open) },
    h("div", { className: "sp-block" }, h("h3", null, "Way of writing"), h(Choices, { name: "sp-restore-method", legend: "Way of writing", value: wish.method, options: methods, onChange: (/** @type {string} */ method) => set({ method }) })),
    whole && wish.what !== "all" ? h("div", { className: "sp-block" }, h(Warn, null, "The whole database comes with everything in it: choose Everything above.")) : null,
    h(PathRules, { wish, set }),
    whole
      ? null
      : h(SwitchRow, {
          id: "sp-restore-files",
          name: "Make files known that are not here",
          help: "Off: what belongs to a file that Stash has not scanned waits until it has. On: the files are entered as they were, unseen.",
          checked: wish.files === "create",
          onChange: (on) => set({ files: on ? "create" : "scan" }),
        }),
    whole ? null : h(SwitchRow, { id: "sp-restore-settings", name: "Stash's settings too", help: wish.what === "all" ? "But for paths, which are each machine's own." : "Only with everything.", checked: wish.settings && wish.what === "all", disabled: wish.what !== "all", onChange: (settings) => set({ settings }) }),
    h(SwitchRow, { id: "sp-restore-salvage", name: "Take what is whole of a damaged backup", help: "Off: a backup that is not whole is refused. On: what is missing is listed.", checked: wish.salvage, onChange: (salvage) => set({ salvage }) })
  );
}

/** Where folders lie now. @param {Props} props */
function PathRules({ wish, set }) {
  /** @param {number} index @param {Partial<PathRule>} part */
  const change = (index, part) => set({ paths: wish.paths.map((rule, at) => (at === index ? { ...rule, ...part } : rule)) });
  return h(
    "div",
    { className: "sp-block", id: "sp-path-rules" },
    h("h3", null, "Where the files lie now"),
    h("p", { className: "sub-heading" }, "If your media have moved since the backup, or come from another machine: which folder of then is which folder of now. Windows and Linux paths both work."),
    wish.paths.map((rule, index) =>
      h(
        "fieldset",
        { key: index, className: "sp-path-rule sp-field" },
        h("legend", { className: "sr-only" }, `Path rule ${index + 1}`),
        h(Input, { id: `sp-path-${index}-from`, label: "Was in", spellCheck: false, autoComplete: "off", placeholder: "D:\\Video", value: rule.from, onChange: (from) => change(index, { from }) }),
        h(Input, { id: `sp-path-${index}-to`, label: "Is in", spellCheck: false, autoComplete: "off", placeholder: "/data/video", value: rule.to, onChange: (to) => change(index, { to }) }),
        h(B.Button, { variant: "secondary", className: "minimal", "aria-label": `Remove path rule ${index + 1}`, title: "Remove", onClick: () => set({ paths: wish.paths.filter((_, at) => at !== index) }) }, h(Icon, { icon: icons.faTrash }))
      )
    ),
    h(B.Button, { variant: "secondary", size: "sm", onClick: () => set({ paths: [...wish.paths, { from: "", to: "" }] }) }, h(Icon, { icon: icons.faPlus, className: "mr-2" }), wish.paths.length ? "Another path rule" : "Add a path rule")
  );
}
