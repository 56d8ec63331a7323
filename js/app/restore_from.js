// Where a restore reads from: the newest good backup, another one, or a file.

import { B, C, Icon, h, icons } from "./host.js";
import { contents, dayTime, kindName, proofOf } from "./backups_words.js";
import { Choices, Input, Labelled, ProblemBox, Section } from "./parts.js";
import { chosenBackup, newestGood } from "./restore_wish.js";
import { ago, quoted } from "./words.js";

/** @typedef {{wish: Wish, set: (part: Partial<Wish>) => void, listing: Listing | null}} Props */

/** "the backup of today, 04:12", or the file's name. @param {Wish} wish @param {Listing | null} listing */
export function sourceWords(wish, listing) {
  const backup = chosenBackup(wish, listing);
  if (backup) return `the backup of ${dayTime(backup.time)}`;
  return wish.from === "file" && wish.file.trim() ? wish.file.trim().split(/[\\/]/).pop() || wish.file.trim() : "the backup";
}

/** @param {Props & {problem: Problem | null, onLook: () => void}} props `problem`: why the vault could not be looked into */
export function FromSection({ wish, set, listing, problem, onLook }) {
  const newest = newestGood(listing);
  const others = listing ? listing.backups.filter((one) => !one.problem) : [];
  /** @type {{value: string, label: string, help?: any, below?: any, disabled?: boolean}[]} */
  const options = [
    { value: "newest", label: "The newest good backup", help: newest ? h(About, { backup: newest }) : listing ? "There is none yet that was proven." : "", disabled: Boolean(listing) && !newest },
    { value: "backup", label: "Another backup", help: others.length ? "" : "The vault holds none.", disabled: !others.length, below: h(Picker, { wish, set, backups: others }) },
    { value: "file", label: "A file, another vault or another Stash", help: "On the machine that runs Stash.", below: h(FilePath, { wish, set }) },
  ];
  return h(
    Section,
    { title: "Restore from" },
    h(
      "div",
      { className: "sp-block" },
      problem ? h(ProblemBox, { problem }, h(B.Button, { variant: "secondary", className: "mt-2", onClick: onLook }, "Look again")) : null,
      !listing && !problem ? h(C.LoadingIndicator, { message: "Looking into the vault…", inline: true }) : null,
      h(Choices, { name: "sp-from", legend: "Restore from", value: wish.from, options, onChange: (from) => set({ from: /** @type {Wish["from"]} */ (from) }) })
    )
  );
}

/** What one is: its date, age, counts and proof. @param {{backup: Backup}} props */
function About({ backup }) {
  const proof = proofOf(backup);
  return h(
    "span",
    null,
    h("strong", null, dayTime(backup.time)),
    `, ${ago(backup.time)}: ${contents(backup)}. `,
    h("span", { className: "sp-nowrap" }, h(Icon, { icon: icons[proof.sign], className: `${proof.colour} mr-1` }), `${proof.text}.`),
    backup.note ? ` ${quoted(backup.note)}` : "",
    backup.encrypted ? " Encrypted." : ""
  );
}

/** @param {{wish: Wish, set: (part: Partial<Wish>) => void, backups: Backup[]}} props */
function Picker({ wish, set, backups }) {
  const chosen = backups.find((one) => one.id === wish.backup);
  return h(
    "div",
    { className: "mt-2" },
    h(
      Labelled,
      { id: "sp-source-backup", label: "Backup" },
      h(
        B.Form.Control,
        { as: "select", id: "sp-source-backup", className: "input-control", value: wish.backup, onChange: (/** @type {any} */ event) => set({ backup: event.currentTarget.value }) },
        h("option", { value: "" }, "Choose one"),
        backups.map((one) => h("option", { key: one.id, value: one.id }, `${dayTime(one.time)}: ${kindName(one.kind).toLowerCase()}, ${contents(one)}${one.note ? `, ${quoted(one.note)}` : ""}`))
      )
    ),
    chosen ? h("p", { className: "sub-heading mt-1 mb-0" }, h(About, { backup: chosen })) : null
  );
}

/** @param {{wish: Wish, set: (part: Partial<Wish>) => void}} props */
function FilePath({ wish, set }) {
  return h(
    "div",
    { className: "mt-2" },
    h(Input, {
      id: "sp-source-file",
      label: "Path or address",
      help: "A backup that was carried away, an export in JSON or NDJSON, a Stash database, the address of another Stash; or a vault's place with # and a backup's id.",
      spellCheck: false,
      autoComplete: "off",
      placeholder: "/backups/stash.stashport",
      value: wish.file,
      onChange: (file) => set({ file }),
    })
  );
}
