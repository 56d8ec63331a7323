// Whether something will start the next run, told honestly.

import { Fragment, Icon, h, icons, useState } from "./host.js";
import { Install } from "./backups_timer.js";
import { Fold, Warn } from "./parts.js";

/** @type {Record<string, string>} */
const AFTER = { yes: "After a restart of the machine: yes.", no: "After a restart of the machine: no, not before Stash Port is opened in Stash.", unknown: "After a restart of the machine: that cannot be told from here." };

/** @param {{starter: Starter, remarks: string[], needed: boolean, onChanged: () => Promise<void>}} props `needed`: something is scheduled */
export function Starter({ starter, remarks, needed, onChanged }) {
  const [open, setOpen] = useState(false);
  const good = starter.starts;
  const said = needed || good;
  return h(
    "div",
    { className: "sp-block" },
    h("h3", null, "Who starts it"),
    said
      ? h(
          Fragment,
          null,
          h("p", { className: "mb-1", role: "status" }, h(Icon, { icon: good ? icons.faCircleCheck : icons.faTriangleExclamation, className: `${good ? "text-success" : "text-warning"} mr-2` }), starter.text),
          h("p", { className: "mb-1" }, AFTER[starter.after_reboot] || AFTER.unknown)
        )
      : h("p", { className: "mb-1" }, "Nothing has to be started: nothing is scheduled."),
    // What stands above is not said twice.
    remarks.map((remark) => (said && remark === starter.text ? null : h(Warn, { key: remark }, remark))),
    h(Fold, { id: "sp-install", label: "A timer of the machine, which needs nobody", open, onToggle: () => setOpen(!open), className: "pl-0" }),
    h("div", { id: "sp-install", hidden: !open }, open ? h(Install, { timer: starter.timer ? starter.timer.kind : "", onChanged }) : null)
  );
}
