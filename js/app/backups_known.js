// An encrypted vault that is in use: test what opens it, print its recovery sheet again, lock its key anew.

import { B, Fragment, Icon, h, icons, useState } from "./host.js";
import { ask } from "./ask.js";
import { LockFields, Sheet, handed, useLock } from "./backups_secrets.js";
import { useGuarded } from "./guarded.js";
import { Fold, Input, ProblemBox } from "./parts.js";

/** @typedef {import("./backups_secrets.js").Made} Made */

/** @param {{listing: Listing}} props */
export function Known({ listing }) {
  return h(
    Fragment,
    null,
    h("p", { className: "sp-block mb-0" }, listing.confirmed ? `Backups are locked with the key ${listing.key}. This machine can write them, and cannot read them: for that the passphrase or the recovery sheet is needed.` : "No sheet at hand? With the passphrase it can be printed again."),
    h(SheetAgain, { listing }),
    listing.confirmed ? h(NewLock, { listing }) : null
  );
}

/** @param {{listing: Listing}} props */
function SheetAgain({ listing }) {
  const [secret, setSecret] = useState("");
  const [made, setMade] = useState(/** @type {Made | null} */ (null));
  const { busy, problem, guarded, here } = useGuarded();
  const print = () =>
    guarded(async () => {
      const found = await ask({ mode: "vaultSheet", vault: listing.place, secret: await handed(secret) });
      if (!here.current) return;
      setMade(found);
      setSecret("");
    });
  return h(
    "form",
    {
      className: "sp-block",
      onSubmit: (/** @type {any} */ event) => {
        event.preventDefault();
        if (secret.trim() && !busy) print();
      },
    },
    h("div", { className: "sp-short" }, h(Input, { id: "sp-key-test", type: "password", label: "Test a passphrase or a key, and print the sheet again", autoComplete: "off", spellCheck: false, value: secret, onChange: setSecret })),
    problem ? h(ProblemBox, { problem }) : null,
    made
      ? h("div", { className: "mt-2" }, h("p", { role: "status", className: "mb-0" }, h(Icon, { icon: icons.faCircleCheck, className: "text-success mr-2" }), "It opens the vault."), h("div", { className: "sp-buttons" }, h(Sheet, { made }), h(B.Button, { variant: "secondary", className: "mt-2", onClick: () => setMade(null) }, "Put it away")))
      : h("div", { className: "sp-buttons mt-2" }, h(B.Button, { type: "submit", variant: "secondary", disabled: busy || !secret.trim() }, busy ? "Opening the vault…" : "Test it"))
  );
}

/** @param {{listing: Listing}} props */
function NewLock({ listing }) {
  const [open, setOpen] = useState(false);
  const [said, setSaid] = useState("");
  return h(
    "div",
    { className: "sp-block" },
    h("h3", { className: "mb-0" }, h(Fold, { id: "sp-rekey", label: "Another passphrase, or other keys", open, onToggle: () => setOpen(!open), className: "pl-0" })),
    h("p", { role: "status", className: "mb-0" }, said ? h(Icon, { icon: icons.faCircleCheck, className: "text-success mr-2" }) : null, said),
    h(
      "div",
      { id: "sp-rekey", hidden: !open },
      open
        ? h(Rewrap, {
            listing,
            onDone: (words) => {
              setSaid(words);
              setOpen(false);
            },
          })
        : null
    )
  );
}

/** @param {{listing: Listing, onDone: (words: string) => void}} props */
function Rewrap({ listing, onDone }) {
  const [secret, setSecret] = useState("");
  const lock = useLock();
  const { busy, problem, guarded, here } = useGuarded();
  const ready = Boolean(secret.trim()) && lock.good;
  const change = () =>
    guarded(async () => {
      await ask({ mode: "vaultRewrap", vault: listing.place, secret: await handed(secret), ...(await lock.lock("newSecret")) });
      if (here.current) onDone(lock.how === "passphrase" ? "Done: from now on the new passphrase opens the vault, and no other does." : "Done: the vault opens with these keys.");
    });
  return h(
    "form",
    {
      className: "sp-flush",
      onSubmit: (/** @type {any} */ event) => {
        event.preventDefault();
        if (ready && !busy) change();
      },
    },
    h("p", { className: "mt-2" }, "Key, recovery sheet and backups stay as they are; only what opens them changes. Copies of the vault that were made before still open with the old passphrase."),
    h("div", { className: "sp-short mb-3" }, h(Input, { id: "sp-rekey-secret", type: "password", label: `Passphrase as it is now, or the key ${listing.key}`, autoComplete: "off", spellCheck: false, value: secret, onChange: setSecret })),
    h(LockFields, { id: "sp-rekey", legend: "Who can open the backups from now on", lock, label: "New passphrase", passphrase: "Instead of the passphrase so far. Keys that open the vault stay.", keys: "Instead of the keys so far. A passphrase stays." }),
    problem ? h(ProblemBox, { problem }) : null,
    h("div", { className: "sp-buttons mt-2" }, h(B.Button, { type: "submit", variant: "primary", disabled: busy || !ready }, busy ? "Locking it anew…" : "Change it"))
  );
}
