// The backups of the vault, newest first: what each holds, how far it was proven, and what can be done with it.

import { B, Fragment, HOME, Icon, Link, h, icons, useEffect, useRef, useState } from "./host.js";
import { ask } from "./ask.js";
import { BackupsChart } from "./backups_chart.js";
import { contents, dateOf, dayTime, isProven, kindName, proofOf } from "./backups_words.js";
import { useGuarded } from "./guarded.js";
import { Fold, Input, ProblemBox, Section, Warn } from "./parts.js";
import { ago, count, counted, listed, quoted, size } from "./words.js";

/**
 * What can be done with one.
 * @typedef {{hello: Hello, busy: boolean, encrypted: boolean, onVerify: (backup: Backup, level: string) => void, onCarry: (backup: Backup) => void, onChanged: () => Promise<void>}} Doing
 */

const PAGE = 10;

/** @param {Doing & {listing: Listing}} props */
export function ListSection({ listing, ...doing }) {
  const [shown, setShown] = useState(PAGE);
  const { backups } = listing;
  const proven = backups.filter(isProven);
  const several = new Set(backups.map((one) => one.instance)).size > 1;
  return h(
    Section,
    { title: "Backups", aside: backups.length ? h("span", { className: "text-muted" }, `${counted(backups.length, "backup")}, ${size(listing.size)}`) : null },
    backups.length
      ? null
      : listing.missing
        ? h("div", { className: "sp-block" }, h(Warn, null, `A vault was known at ${listing.place}, and now there is none. Perhaps a disk or a share is not mounted.`))
        : h("p", { className: "sp-block mb-0" }, listing.exists ? "Nothing is in the vault yet." : "There is no vault yet: the first backup makes it."),
    h(BackupsChart, { backups }),
    backups.length
      ? h(
          "table",
          { className: "table table-striped sp-runs sp-backups" },
          h("caption", { className: "sr-only" }, "Backups, newest first"),
          h("thead", null, h("tr", null, ["When", "Holds", "Proof", "Do"].map((name) => h("th", { key: name, scope: "col" }, name)))),
          h("tbody", null, backups.slice(0, shown).map((backup) => h(BackupRow, { key: `${backup.instance}${backup.id}`, backup, last: proven.length === 1 && proven[0].id === backup.id, instance: several ? listing.instances[backup.instance] || `library ${backup.instance.slice(0, 8)}` : "", ...doing })))
        )
      : null,
    backups.length > shown ? h("div", { className: "sp-block" }, h(B.Button, { variant: "secondary", onClick: () => setShown(shown + 100) }, "Show older backups")) : null
  );
}

/** @param {Doing & {backup: Backup, last: boolean, instance: string}} props `last`: the only proven one */
function BackupRow({ backup, last, instance, ...doing }) {
  const [open, setOpen] = useState(false);
  const [asked, setAsked] = useState(false);
  const { busy: working, problem, guarded } = useGuarded();
  /** @param {Record<string, any>} args */
  const change = (args) =>
    guarded(async () => {
      await ask({ ...args, backup: backup.id });
      await doing.onChanged();
      // The button that had the focus may have gone with its row.
      const next = /** @type {HTMLElement | null} */ (document.querySelector(".sp-backups button"));
      if (next && document.activeElement === document.body) next.focus({ preventScroll: true });
    });
  const proof = proofOf(backup);
  const busy = doing.busy || working;
  const panel = `sp-backup-${backup.id}`;
  return h(
    Fragment,
    null,
    h(
      "tr",
      null,
      h(
        "td",
        null,
        h("time", { dateTime: backup.time, className: "sp-nowrap" }, h("strong", null, dayTime(backup.time))),
        backup.pinned ? h(Fragment, null, " ", h(Icon, { icon: icons.faThumbtack, className: "ml-1 sp-small" }), h("span", { className: "sp-small" }, " pinned")) : null,
        h("div", { className: "sub-heading" }, [ago(backup.time), instance].filter(Boolean).join(" · ")),
        backup.note ? h("div", null, quoted(backup.note)) : null
      ),
      h(
        "td",
        null,
        h("div", null, kindName(backup.kind), backup.encrypted ? h(Fragment, null, " ", h(Icon, { icon: icons.faLock, className: "sp-small ml-1" }), h("span", { className: "sr-only" }, " encrypted")) : null, backup.problem ? null : h("span", { className: "sp-nowrap" }, `, ${size(backup.size)}`)),
        backup.problem ? null : h(Fold, { id: panel, label: counted(backup.records, "record"), describe: `${counted(backup.records, "record")} in the backup of ${dayTime(backup.time)}: which kinds`, open, onToggle: () => setOpen(!open), className: "p-0 sp-small" })
      ),
      h("td", null, h(Icon, { icon: icons[proof.sign], className: `${proof.colour} mr-2` }), proof.text, h(Remarks, { backup })),
      h("td", { className: "sp-doing" }, h(Actions, { ...doing, backup, busy, asked, onPin: () => change({ mode: "pinBackup", pinned: !backup.pinned }), onDelete: () => setAsked(!asked) }))
    ),
    open || asked || problem
      ? h(
          "tr",
          { className: "sp-under" },
          h(
            "td",
            { colSpan: 4 },
            problem ? h(ProblemBox, { problem }) : null,
            asked ? h(Deleting, { backup, last, busy, onKeep: () => setAsked(false), onDelete: (/** @type {string} */ sure) => change({ mode: "forgetBackup", sure }) }) : null,
            h("div", { id: panel, hidden: !open }, open ? h(Details, { backup, hello: doing.hello }) : null)
          )
        )
      : null
  );
}

/** What is not as it should be, and whether it is due to go. @param {{backup: Backup}} props */
function Remarks({ backup }) {
  const lines = [];
  if (backup.problem) lines.push(backup.problem);
  if (backup.damaged) lines.push("The database was damaged already when it was backed up.");
  if (backup.incomplete) lines.push("Something could not be read: its report says what.");
  for (const one of backup.problems.slice(0, 2)) lines.push(String((one && one.reason) || one));
  return h(
    Fragment,
    null,
    lines.map((line, index) => h("div", { key: index, className: "text-warning sp-small" }, line)),
    backup.keep ? null : h("div", { className: "sp-small" }, h(Icon, { icon: icons.faClockRotateLeft, className: "text-warning mr-1" }), "Due to go at the next good backup")
  );
}

const LEVELS = [
  ["quick", "Quick", "Its outline and its sizes. Seconds."],
  ["full", "Full", "Every byte is read, decrypted and counted."],
  ["drill", "Trial restore", "A throw-away Stash is started on it and compared."],
];

/** @param {Doing & {backup: Backup, asked: boolean, onPin: () => void, onDelete: () => void}} props */
function Actions({ backup, busy, asked, onVerify, onCarry, onPin, onDelete }) {
  const name = `the backup of ${dayTime(backup.time)}`;
  /** @param {any} icon @param {string} label @param {() => void} onClick @param {Record<string, any>} [more] */
  const button = (icon, label, onClick, more) => h(B.Button, { variant: "secondary", size: "sm", className: "minimal", title: label, "aria-label": `${label}: ${name}`, disabled: busy, onClick, ...more }, h(Icon, { icon }));
  return h(
    "div",
    { className: "sp-buttons mt-0" },
    h(
      B.Dropdown,
      null,
      h(B.Dropdown.Toggle, { variant: "secondary", size: "sm", id: `sp-verify-${backup.id}`, disabled: busy, "aria-label": `Verify ${name}` }, "Verify", h(Icon, { icon: icons.faChevronDown, className: "ml-1 sp-small" })),
      h(
        B.Dropdown.Menu,
        { className: "bg-secondary text-white", alignRight: true },
        LEVELS.filter(([level]) => level !== "drill" || backup.kind === "full").map(([level, label, help]) => h(B.Dropdown.Item, { key: level, as: "button", type: "button", className: "bg-secondary text-white sp-level", onClick: () => onVerify(backup, level) }, label, h("div", { className: "sp-small" }, help)))
      )
    ),
    backup.problem ? null : h(Link, { to: { pathname: `${HOME}/restore`, state: { backup: backup.id } }, className: "btn btn-secondary btn-sm", "aria-label": `Restore ${name}` }, "Restore"),
    backup.problem ? null : button(icons.faDownload, "Download as one file", () => onCarry(backup)),
    backup.problem ? null : button(icons.faThumbtack, backup.pinned ? "Unpin" : "Pin, so that it stays", onPin, { "aria-pressed": backup.pinned }),
    button(icons.faTrash, "Delete…", onDelete, { "aria-expanded": asked })
  );
}

/** The second step: what goes is named; for the last good one, and for one of which nobody can say what it holds, its id is typed. @param {{backup: Backup, last: boolean, busy: boolean, onKeep: () => void, onDelete: (sure: string) => void}} props */
function Deleting({ backup, last, busy, onKeep, onDelete }) {
  const [typed, setTyped] = useState("");
  const first = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (first.current) first.current.focus();
  }, []);
  const typing = last || Boolean(backup.problem);
  const sure = !typing || typed.trim() === backup.id;
  const holds = backup.problem
    ? " Its card cannot be read, so nobody can say from here what it holds. The file itself may still be whole and can be opened by hand, as docs/recovery.md shows. A copy of the card, put back, mends it too."
    : ` It holds ${contents(backup)}${backup.note ? ` and is noted as ${quoted(backup.note)}` : ""}. Images that other backups need stay.`;
  return h(
    "div",
    { className: "sp-warn", role: "group", "aria-label": `Delete the backup of ${dayTime(backup.time)}?` },
    h("p", { className: "mb-1" }, h("strong", null, `Delete the backup of ${dayTime(backup.time)} for good?`), holds),
    last ? h("p", { className: "mb-1 text-danger" }, h(Icon, { icon: icons.faTriangleExclamation, className: "mr-1" }), "It is the only proven backup. Without it there is none.") : null,
    typing ? h("div", { className: "sp-short mb-2" }, h(Input, { id: `sp-sure-${backup.id}`, label: h(Fragment, null, "Type its id, ", h("code", null, backup.id), ", to delete it all the same"), autoComplete: "off", spellCheck: false, value: typed, onChange: setTyped })) : null,
    h(
      "div",
      { className: "sp-buttons mt-2" },
      h(B.Button, { ref: first, variant: "secondary", size: "sm", onClick: onKeep }, "Keep it"),
      h(B.Button, { variant: "danger", size: "sm", disabled: busy || !sure, onClick: () => onDelete(typing ? typed.trim() : "") }, `Delete the backup of ${dateOf(backup.time)}`)
    )
  );
}

/** @param {{backup: Backup, hello: Hello}} props */
function Details({ backup, hello }) {
  const counts = backup.counts || {};
  const images = backup.images;
  return h(
    "div",
    null,
    h("p", { className: "mb-2 sp-inline-list" }, hello.kinds.filter((kind) => counts[kind.plural]).map((kind) => h("span", { key: kind.plural }, `${kind.label}: `, h("strong", null, count(counts[kind.plural])), " "))),
    images ? h("p", { className: "mb-1" }, `${counted(images.count, "image")}, ${images.new ? `${count(images.new)} of them new then (${size(images.newBytes)})` : "none of them new then"}.`) : null,
    h("p", { className: "mb-1" }, backup.keep ? `Stays: ${listed(backup.reasons)}.` : "No rule of what is kept holds it."),
    h("p", { className: "mb-0 text-muted" }, "Id ", h("code", null, backup.id), backup.stash ? `, made from Stash ${backup.stash}` : "", ". ", backup.run ? h(Link, { to: `${HOME}/runs/${backup.run}` }, "Its run") : null)
  );
}
