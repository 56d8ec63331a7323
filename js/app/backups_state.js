// The one sentence about how well this library is backed up: on top of the page Backups, and on the panel's first page.

import { B, HOME, Icon, Link, h, icons } from "./host.js";
import { backupState } from "./backups_words.js";

/** @type {Record<string, [string, string]>} level -> icon, colour class */
const SIGNS = {
  good: ["faCircleCheck", "text-success"],
  warn: ["faTriangleExclamation", "text-warning"],
  none: ["faTriangleExclamation", "text-warning"],
  bad: ["faCircleXmark", "text-danger"],
};

/**
 * @param {{backup: BackupNews, listing?: Listing | null, linked?: boolean, onBackUp?: () => void, busy?: boolean}} props
 * `linked`: on another page, where the way to Backups is shown instead of the button
 */
export function BackupState({ backup, listing, linked, onBackUp, busy }) {
  const { level, text, more } = backupState(backup, listing || null);
  const [icon, colour] = SIGNS[level];
  const wanted = level === "bad" ? "Back up now" : level === "none" ? "Make one now" : "";
  return h(
    "div",
    { className: `sp-state sp-state-${level}` },
    h("p", { className: "sp-state-text" }, h(Icon, { icon: icons[icon], className: `${colour} mr-2` }), h("strong", { className: level === "bad" ? "text-danger" : "" }, text)),
    more.length || linked ? h("p", { className: "mb-0" }, more.join(" "), linked ? [" ", h(Link, { key: "to", to: `${HOME}/backups` }, wanted || "Backups", h(Icon, { icon: icons.faChevronRight, className: "ml-1 sp-small" }))] : null) : null,
    !linked && wanted && onBackUp ? h(B.Button, { variant: "primary", className: "mt-2", disabled: busy, onClick: onBackUp }, wanted) : null
  );
}
