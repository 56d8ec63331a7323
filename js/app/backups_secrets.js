// What an encrypted vault's owner hands in and takes away: who can open it, and the recovery sheet.

import { B, Fragment, Icon, h, icons, useState } from "./host.js";
import { ask } from "./ask.js";
import { recipientsOf } from "./choice.js";
import { save } from "./download.js";
import { PassphraseFields, noSecrets } from "./encryption.js";
import { Choices, Input } from "./parts.js";

/** A vault's answer; `sheet` is the page with its secret, which is kept nowhere else. @typedef {{place: string, key: string, sheet: string}} Made */

/** Hands a secret over; what it is known by. @param {string} value @returns {Promise<string>} */
export const handed = async (value) => (await ask({ mode: "secret", value })).id;

/** What is typed about who can open a vault; `good`: it is enough. */
export function useLock() {
  const [how, setHow] = useState("passphrase");
  const [secrets, setSecrets] = useState(noSecrets);
  const [recipients, setRecipients] = useState("");
  const good = how === "passphrase" ? Boolean(secrets.passphrase.trim()) && secrets.passphrase === secrets.again : recipientsOf(recipients).length > 0;
  /** @param {string} key what the back end calls the passphrase @returns {Promise<Record<string, any>>} */
  const lock = async (key) => (how === "passphrase" ? { [key]: await handed(secrets.passphrase) } : { recipients: recipientsOf(recipients) });
  return { how, setHow, secrets, setSecrets, recipients, setRecipients, good, lock };
}

/** @param {{id: string, legend: string, lock: ReturnType<typeof useLock>, passphrase: string, keys: string, label?: string}} props `passphrase`, `keys`: a line about each */
export function LockFields({ id, legend, lock, passphrase, keys, label }) {
  const options = [
    { value: "passphrase", label: "Whoever knows a passphrase", help: passphrase },
    { value: "recipients", label: "Whoever has one of these keys", help: keys },
  ];
  return h(
    Fragment,
    null,
    h("div", { className: "sp-block" }, h(Choices, { name: `${id}-how`, legend, columns: true, value: lock.how, onChange: lock.setHow, options })),
    lock.how === "passphrase"
      ? h(PassphraseFields, { secrets: lock.secrets, setSecrets: lock.setSecrets, id: `${id}-passphrase`, label })
      : h("div", { className: "sp-block" }, h(Input, { id: `${id}-recipients`, label: "Public keys", help: "Each begins with age1; several with blanks between them.", spellCheck: false, autoComplete: "off", value: lock.recipients, onChange: lock.setRecipients }))
  );
}

/** @param {{made: Made, onSeen?: () => void}} props */
export function Sheet({ made, onSeen = () => undefined }) {
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
