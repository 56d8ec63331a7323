// Back up now: what goes into it, and the button.

import { B, h, useCallback, useState } from "./host.js";
import { PartFields, partConfig, partProblem, partSentence, proposedPart } from "./backups_part.js";
import { Choices, Fold, Input, ProblemBox, Section, SwitchRow, Warn } from "./parts.js";
import { listed } from "./words.js";

/** `part`: what is chosen for a backup of a part. @typedef {{what: string, part: Choice, secrets: boolean, generated: boolean, note: string}} Wish */

const UPGRADE = "before upgrading Stash";

/** What a backup of this sort is asked for with; the usual choices fill in the rest. @param {Wish} wish @param {Hello} hello @returns {Record<string, any>} */
export function wishConfig({ what, part, secrets, generated, note }, hello) {
  const words = note.trim() || (what === "upgrade" ? UPGRADE : "");
  /** @type {Record<string, any>} */
  const config = { kind: what === "portable" ? "portable" : "auto" };
  if (what === "part") Object.assign(config, partConfig(part, hello));
  else Object.assign(config, { secrets, generated });
  return words ? { ...config, note: words } : config;
}

/** @param {Wish} wish @param {Hello} hello @param {number | null} sum records of a part, where they were counted */
function wishSentence({ what, part, secrets, generated }, hello, sum) {
  if (what === "part") return partSentence(part, hello, sum);
  const base = what === "portable" ? "Back up all records, images and settings, without the database file" : "Back up the database, all records, images and settings";
  const extra = [secrets ? "keys and passwords" : "", generated ? "generated files" : ""].filter(Boolean);
  return `${base}${extra.length ? `, with ${listed(extra)}` : ""}. Your media files are not part of it.`;
}

/** @param {{hello: Hello, listing: Listing | null, busy: boolean, reason: string, problem: Problem | null, onStart: (config: Record<string, any>, words: string) => void}} props `reason`: why it cannot be started */
export function NowSection({ hello, listing, busy, reason, problem, onStart }) {
  const habits = (hello.backup && hello.backup.habits) || {};
  const encrypted = Boolean(listing && listing.encrypted);
  const [wish, setWish] = useState(/** @type {Wish} */ ({ what: habits.kind === "portable" ? "portable" : "all", part: proposedPart(hello), secrets: habits.secrets ?? encrypted, generated: Boolean(habits.generated), note: "" }));
  const [open, setOpen] = useState(false);
  const [sum, setSum] = useState(/** @type {number | null} */ (null));
  /** @param {Partial<Wish>} part */
  const set = (part) => setWish((before) => ({ ...before, ...part }));
  // By its own former state: a saved filter is read while something else is changed.
  const setPart = useCallback((/** @type {Partial<Choice>} */ part) => setWish((before) => ({ ...before, part: { ...before.part, ...part } })), []);
  const words = wishSentence(wish, hello, sum);
  const nothing = (wish.what === "part" && partProblem(wish.part, hello)) || reason;
  const options = [
    { value: "all", label: "Everything", help: "The database itself and all that belongs to it: what a full restore needs." },
    { value: "upgrade", label: "Before upgrading Stash", help: "The same, with a note, so that you find it again if the upgrade goes wrong." },
    { value: "portable", label: "Only records and images (portable)", help: "Without the database file: readable by any version." },
    { value: "part", label: "A part of it", help: "Some kinds of records, or some records of them." },
  ];
  return h(
    Section,
    { title: "Back up now" },
    h("div", { className: "sp-block" }, h(Choices, { name: "sp-backup-what", legend: "What is backed up", pairs: true, value: wish.what, options, onChange: (/** @type {string} */ what) => set({ what }) })),
    wish.what === "part" ? h(PartFields, { choice: wish.part, set: setPart, hello, onCounted: setSum }) : null,
    h(
      "div",
      { className: "sp-block" },
      h("h3", { className: "mb-2" }, h(Fold, { id: "sp-backup-options", label: "Options", open, onToggle: () => setOpen(!open), className: "pl-0" })),
      h(B.Collapse, { in: open, mountOnEnter: true }, h("div", { id: "sp-backup-options" }, h(Options, { wish, set, encrypted }))),
      h("p", { id: "sp-backup-words", className: "sp-readback" }, words),
      problem ? h(ProblemBox, { problem }) : null,
      nothing ? h("p", { id: "sp-backup-reason", className: "text-warning mb-2" }, nothing) : null,
      h(B.Button, { variant: "primary", size: "lg", disabled: busy || Boolean(nothing), "aria-describedby": nothing ? "sp-backup-reason" : "sp-backup-words", onClick: () => onStart(wishConfig(wish, hello), words) }, busy ? "Starting…" : "Back up now")
    )
  );
}

/** @param {{wish: Wish, set: (part: Partial<Wish>) => void, encrypted: boolean}} props */
function Options({ wish, set, encrypted }) {
  const part = wish.what === "part";
  return h(
    "div",
    { className: "mb-3" },
    h(SwitchRow, { id: "sp-backup-secrets", name: "Keys and passwords", help: part ? "Not in a backup of a part." : "API keys, passwords and the like from Stash's configuration.", checked: wish.secrets && !part, disabled: part, onChange: (secrets) => set({ secrets }) }),
    wish.secrets && !part && !encrypted ? h(Warn, null, "This vault is not encrypted: whoever can read its folder can read them.") : null,
    h(SwitchRow, { id: "sp-backup-generated", name: "Generated files", help: part ? "Not in a backup of a part." : "Sprites, previews and the like. Large, and Stash can make them anew.", checked: wish.generated && !part, disabled: part, onChange: (generated) => set({ generated }) }),
    h("div", { className: "sp-block" }, h(Input, { id: "sp-backup-note", label: "Note", help: "Stands in the list.", maxLength: 200, value: wish.note, placeholder: wish.what === "upgrade" ? UPGRADE : "", onChange: (note) => set({ note }) }))
  );
}
