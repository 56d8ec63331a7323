// Encryption of the vault: a key of its own is made, its recovery sheet is shown once, and its owner shows that they hold it.

import { B, Icon, h, icons, useEffect, useRef, useState } from "./host.js";
import { ask } from "./ask.js";
import { Known } from "./backups_known.js";
import { LockFields, Sheet, handed, useLock } from "./backups_secrets.js";
import { useGuarded } from "./guarded.js";
import { FoldSection, Input, ProblemBox, Warn } from "./parts.js";

/** @typedef {import("./backups_secrets.js").Made} Made */

/** @param {{listing: Listing | null, habits: Habits, saveHabits: (part: Habits) => Promise<void>, onChanged: () => Promise<void>}} props */
export function EncryptionFold({ listing, habits, saveHabits, onChanged }) {
  const [open, setOpen] = useState(false);
  const [made, setMade] = useState(/** @type {Made | null} */ (null));
  /** The place of the vault that was confirmed just now. */
  const [done, setDone] = useState("");
  const encrypted = Boolean(listing && listing.encrypted);
  const unsure = Boolean(encrypted && listing && !listing.confirmed);
  const stranger = unsure && Boolean(listing && listing.confirmed === null);
  useEffect(() => {
    if (unsure) setOpen(true);
  }, [unsure]);
  if (!listing) return null;
  const waiting = made || unsure;
  const summary = stranger ? "On, and this machine does not know the key yet" : waiting ? "Not finished: the key has to be confirmed" : encrypted ? `On, with the key ${listing.key}` : "Off: whoever can read the vault can read the backups";
  return h(
    FoldSection,
    { id: "sp-key", title: "Encryption", summary, open, onToggle: () => setOpen(!open) },
    encrypted && done === listing.place ? h("p", { role: "status", className: "sp-block mb-0" }, h(Icon, { icon: icons.faCircleCheck, className: "text-success mr-2" }), "This key opens the vault. Backups go into it from now on, encrypted.") : null,
    waiting
      ? h(Confirm, {
          made,
          place: made ? made.place : listing.place,
          stranger,
          keyName: made ? made.key : listing.key || "",
          onConfirmed: async (place) => {
            if (place !== (habits.vault || "") && made) await saveHabits({ vault: place });
            setMade(null);
            setDone(place);
            await onChanged();
          },
        })
      : null,
    !made && (!encrypted || (unsure && !stranger)) ? h(SetUp, { key: listing.place, listing, again: unsure, onMade: setMade }) : null,
    encrypted && (!waiting || stranger) ? h(Known, { listing }) : null
  );
}

/** The first step: where, and who can open it. @param {{listing: Listing, again: boolean, onMade: (made: Made) => void}} props `again`: a set-up that was never finished is begun anew */
function SetUp({ listing, again, onMade }) {
  const taken = listing.exists && !again;
  const [place, setPlace] = useState(taken ? `${listing.place.replace(/[\\/]+$/, "")}-encrypted` : listing.place);
  const lock = useLock();
  const { busy, problem, guarded } = useGuarded();
  const make = () =>
    guarded(async () => {
      onMade(await ask({ mode: "vaultSetup", vault: place.trim(), ...(await lock.lock("secret")) }));
    });
  return h(
    "form",
    {
      onSubmit: (/** @type {any} */ event) => {
        event.preventDefault();
        if (lock.good && place.trim() && !busy) make();
      },
    },
    h(
      "div",
      { className: "sp-block" },
      again
        ? h("p", { className: "mb-0" }, "The recovery sheet was never confirmed. If you do not have it, begin again: nothing is in this vault yet.")
        : taken
          ? h("p", null, "The vault that is there is not encrypted, and stays as it is. An encrypted one begins in an empty place.")
          : h("p", null, "The vault gets a key of its own. This machine keeps only the half that locks: what opens it is on a recovery sheet, in your hands."),
      again ? null : h(Input, { id: "sp-key-place", label: "Place of the encrypted vault", help: "A folder that is empty or not there yet, or a store.", spellCheck: false, autoComplete: "off", value: place, onChange: setPlace })
    ),
    h(LockFields, { id: "sp-key", legend: "Who can open the backups", lock, passphrase: "Or has the recovery sheet.", keys: "Keys of the program age that you have already. Or the recovery sheet." }),
    h("div", { className: "sp-block" }, problem ? h(ProblemBox, { problem }) : null, h(B.Button, { type: "submit", variant: again ? "secondary" : "primary", disabled: busy || !lock.good || !place.trim() }, busy ? "Making the key…" : again ? "Begin again with a new key" : "Make the key"))
  );
}

/** The second step: the sheet goes to a safe place, then the test. @param {{made: Made | null, place: string, keyName: string, stranger: boolean, onConfirmed: (place: string) => Promise<void>}} props `made`: null when the sheet was shown earlier; `stranger`: on another machine */
function Confirm({ made, place, keyName, stranger, onConfirmed }) {
  const [seen, setSeen] = useState(!made);
  const [last, setLast] = useState("");
  const [secret, setSecret] = useState("");
  const { busy, problem, guarded } = useGuarded();
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (made && heading.current) heading.current.focus();
  }, []);
  const confirm = () =>
    guarded(async () => {
      await ask({ mode: "vaultConfirm", vault: place, last: last.trim(), secret: await handed(secret) });
      await onConfirmed(place);
    });
  return h(
    "form",
    {
      className: "sp-block",
      onSubmit: (/** @type {any} */ event) => {
        event.preventDefault();
        if (seen && last.trim() && secret.trim() && !busy) confirm();
      },
    },
    h("h3", { ref: heading, tabIndex: -1 }, made ? `The key ${keyName} is made. Two steps are left.` : stranger ? "Open this vault here once" : `Confirm the key ${keyName}`),
    h(
      "ol",
      { className: "sp-sheet" },
      made ? h("li", null, h("strong", null, "Put the recovery sheet away."), " It is shown this once. Print it, or keep the file somewhere else than here: on it stands the secret that opens the backups when this machine is gone.", h(Sheet, { made, onSeen: () => setSeen(true) })) : null,
      h(
        "li",
        null,
        h("strong", null, "Show that you hold it."),
        h(
          "div",
          { className: "sp-filter-grid mt-2" },
          h(Input, { id: "sp-key-last", label: "Last four characters of the key on the sheet", maxLength: 4, autoComplete: "off", autoCapitalize: "characters", spellCheck: false, disabled: !seen, value: last, onChange: setLast }),
          h(Input, { id: "sp-key-secret", type: "password", label: "Passphrase, or the whole key", autoComplete: "off", spellCheck: false, disabled: !seen, value: secret, onChange: setSecret })
        ),
        seen ? null : h("p", { className: "sub-heading mb-0 mt-2" }, "First open or download the sheet.")
      )
    ),
    problem ? h(ProblemBox, { problem }) : null,
    made ? h(Warn, null, "Until this is done nothing is backed up into this vault. Leave the page, and the sheet is gone.") : null,
    h(B.Button, { type: "submit", variant: "primary", disabled: busy || !seen || last.trim().length !== 4 || !secret.trim() }, busy ? "Opening the vault…" : "Confirm")
  );
}
