// Encryption of the vault: a key of its own is made, its recovery sheet is shown once, and its owner shows that they hold it.

import { B, Fragment, Icon, h, icons, useEffect, useRef, useState } from "./host.js";
import { ask } from "./ask.js";
import { recipientsOf } from "./choice.js";
import { save } from "./download.js";
import { PassphraseFields, noSecrets } from "./encryption.js";
import { useGuarded } from "./guarded.js";
import { Choices, FoldSection, Input, ProblemBox, Warn } from "./parts.js";

/** A new vault's answer; `sheet` is the page with its secret, which is kept nowhere else. @typedef {{place: string, key: string, sheet: string}} Made */

/** Hands a secret over; what it is known by. @param {string} value @returns {Promise<string>} */
const handed = async (value) => (await ask({ mode: "secret", value })).id;

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
  const [how, setHow] = useState("passphrase");
  const [secrets, setSecrets] = useState(noSecrets);
  const [recipients, setRecipients] = useState("");
  const { busy, problem, guarded } = useGuarded();
  const good = how === "passphrase" ? Boolean(secrets.passphrase.trim()) && secrets.passphrase === secrets.again : recipientsOf(recipients).length > 0;
  const make = () =>
    guarded(async () => {
      const lock = how === "passphrase" ? { secret: await handed(secrets.passphrase) } : { recipients: recipientsOf(recipients) };
      onMade(await ask({ mode: "vaultSetup", vault: place.trim(), ...lock }));
    });
  return h(
    "form",
    {
      onSubmit: (/** @type {any} */ event) => {
        event.preventDefault();
        if (good && place.trim() && !busy) make();
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
    h(
      "div",
      { className: "sp-block" },
      h(Choices, {
        name: "sp-key-how",
        legend: "Who can open the backups",
        columns: true,
        value: how,
        onChange: setHow,
        options: [
          { value: "passphrase", label: "Whoever knows a passphrase", help: "Or has the recovery sheet." },
          { value: "recipients", label: "Whoever has one of these keys", help: "Keys of the program age that you have already. Or the recovery sheet." },
        ],
      })
    ),
    how === "passphrase"
      ? h(PassphraseFields, { secrets, setSecrets, id: "sp-key-passphrase" })
      : h("div", { className: "sp-block" }, h(Input, { id: "sp-key-recipients", label: "Public keys", help: "Each begins with age1; several with blanks between them.", spellCheck: false, autoComplete: "off", value: recipients, onChange: setRecipients })),
    h("div", { className: "sp-block" }, problem ? h(ProblemBox, { problem }) : null, h(B.Button, { type: "submit", variant: again ? "secondary" : "primary", disabled: busy || !good || !place.trim() }, busy ? "Making the key…" : again ? "Begin again with a new key" : "Make the key"))
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

/** @param {{made: Made, onSeen: () => void}} props */
function Sheet({ made, onSeen }) {
  const blob = () => new Blob([made.sheet], { type: "text/html" });
  const open = () => {
    const href = URL.createObjectURL(blob());
    window.open(href, "_blank", "noopener");
    window.setTimeout(() => URL.revokeObjectURL(href), 60000);
    onSeen();
  };
  return h(
    "div",
    { className: "sp-buttons mt-2" },
    h(B.Button, { variant: "secondary", onClick: open }, h(Icon, { icon: icons.faPrint, className: "mr-2" }), "Open the sheet", h("span", { className: "sr-only" }, " (in a new tab)")),
    h(
      B.Button,
      {
        variant: "secondary",
        onClick: () => {
          save(blob(), `stash-port-recovery-sheet-${made.key}.html`);
          onSeen();
        },
      },
      h(Icon, { icon: icons.faDownload, className: "mr-2" }),
      "Download it"
    )
  );
}

/** A vault that is encrypted and open to backups. @param {{listing: Listing}} props */
function Known({ listing }) {
  const [secret, setSecret] = useState("");
  const [made, setMade] = useState(/** @type {Made | null} */ (null));
  const { busy, problem, guarded } = useGuarded();
  return h(
    Fragment,
    null,
    h("p", { className: "sp-block mb-0" }, listing.confirmed ? `Backups are locked with the key ${listing.key}. This machine can write them, and cannot read them: for that the passphrase or the recovery sheet is needed.` : "No sheet at hand? With the passphrase it can be printed again."),
    h(
      "form",
      {
        className: "sp-block",
        onSubmit: (/** @type {any} */ event) => {
          event.preventDefault();
          if (!secret.trim() || busy) return;
          guarded(async () => {
            setMade(await ask({ mode: "vaultSheet", secret: await handed(secret) }));
            setSecret("");
          });
        },
      },
      h("div", { className: "sp-short" }, h(Input, { id: "sp-key-test", type: "password", label: "Test a passphrase or a key, and print the sheet again", autoComplete: "off", spellCheck: false, value: secret, onChange: setSecret })),
      problem ? h(ProblemBox, { problem }) : null,
      made ? h("div", { role: "status", className: "mt-2" }, h(Icon, { icon: icons.faCircleCheck, className: "text-success mr-2" }), "It opens the vault.", h(Sheet, { made, onSeen: () => undefined })) : h("div", { className: "sp-buttons mt-2" }, h(B.Button, { type: "submit", variant: "secondary", disabled: busy || !secret.trim() }, busy ? "Opening the vault…" : "Test it"))
    )
  );
}
