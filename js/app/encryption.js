// Who can open the file: nobody but those who know the passphrase, or hold a recipient's key. What is typed here is kept nowhere.

import { B, Icon, h, icons, useState } from "./host.js";
import { ask } from "./ask.js";
import { Choices, FoldSection, Labelled, Warn } from "./parts.js";
import { recipientsOf } from "./choice.js";
import { counted } from "./words.js";

/** @typedef {{secrets: Secrets, setSecrets: (secrets: Secrets) => void}} SecretProps */
/** @typedef {import("./kinds.js").Props & SecretProps} Props */

/** @returns {Secrets} */
export const noSecrets = () => ({ passphrase: "", again: "", signature: "" });

/** Hands the secrets over and puts what they are known by into the configuration: Stash logs a task's configuration. @param {Record<string, any>} config @param {Secrets} secrets @returns {Promise<Record<string, any>>} */
export async function sealed(config, secrets) {
  const out = { ...config };
  /** @param {string} value */
  const known = async (value) => (await ask({ mode: "secret", value })).id;
  if (out.encrypt && "secret" in out.encrypt) out.encrypt = { secret: await known(secrets.passphrase) };
  if (out.encrypt7z) out.encrypt7z = { secret: await known(secrets.passphrase) };
  if (out.url && "secret" in out.url) out.url = { ...out.url, secret: await known(secrets.signature) };
  return out;
}

/** @type {Record<Encryption, string>} */
const SUMMARY = { none: "none", passphrase: "with a passphrase", recipients: "for recipients", "7z": "7z's own" };

/** @param {Props} props */
export function EncryptionSection({ choice, set, secrets, setSecrets }) {
  const [open, setOpen] = useState(choice.encryption !== "none");
  const seven = choice.compress === "7z";
  const options = [
    { value: "none", label: "None", help: "Whoever has the file can read it." },
    seven
      ? { value: "7z", label: "7z's own passphrase", help: "Opened by any 7z program. Not authenticated: a change to the file can go unnoticed. Another compression takes the better lock." }
      : { value: "passphrase", label: "A passphrase", help: "Opened with the passphrase, by Stash Port or by the free program age." },
    { value: "recipients", label: "Recipients", help: seven ? "Not with 7z: choose another compression." : "Opened only by who holds the key of one of them. Nothing to remember, nothing to pass on.", disabled: seven && choice.encryption !== "recipients" },
  ];
  return h(
    FoldSection,
    { id: "sp-encryption", title: "Encryption", summary: SUMMARY[choice.encryption], open, onToggle: () => setOpen(!open) },
    h(
      "div",
      { className: "sp-block" },
      h(Choices, { name: "sp-encrypt", legend: "Encryption", columns: true, value: choice.encryption, options, onChange: (/** @type {string} */ encryption) => set({ encryption: /** @type {Encryption} */ (encryption) }) })
    ),
    choice.encryption === "passphrase" || choice.encryption === "7z" ? h(PassphraseFields, { secrets, setSecrets, id: "sp-passphrase" }) : null,
    choice.encryption === "recipients" ? h(Recipients, { choice, set }) : null
  );
}

/** A passphrase, typed twice. @param {SecretProps & {id: string, label?: string}} props */
export function PassphraseFields({ secrets, setSecrets, id: own, label = "Passphrase" }) {
  const [shown, setShown] = useState(false);
  const differ = Boolean(secrets.again) && secrets.passphrase !== secrets.again;
  const blank = Boolean(secrets.passphrase) && !secrets.passphrase.trim();
  const matches = Boolean(secrets.again) && !differ && !blank;
  /** @param {string} id @param {string} value @param {(value: string) => void} write @param {boolean} wrong */
  const field = (id, value, write, wrong) =>
    h(B.Form.Control, {
      id,
      type: shown ? "text" : "password",
      autoComplete: "new-password",
      autoCapitalize: "off",
      autoCorrect: "off",
      spellCheck: false,
      className: "text-input",
      value,
      "aria-invalid": wrong || undefined,
      "aria-describedby": `${own}-state`,
      onChange: (/** @type {any} */ event) => write(event.currentTarget.value),
    });
  return h(
    "div",
    { className: "sp-block" },
    h(
      "div",
      { className: "sp-filter-grid" },
      h(Labelled, { id: own, label }, field(own, secrets.passphrase, (passphrase) => setSecrets({ ...secrets, passphrase }), blank)),
      h(Labelled, { id: `${own}-again`, label: "The same again" }, field(`${own}-again`, secrets.again, (again) => setSecrets({ ...secrets, again }), differ))
    ),
    h(
      "div",
      { className: "sp-buttons mt-2" },
      h(B.Button, { variant: "secondary", size: "sm", "aria-pressed": shown, onClick: () => setShown(!shown) }, h(Icon, { icon: shown ? icons.faEyeSlash : icons.faEye, className: "mr-2" }), shown ? "Hide it" : "Show it"),
      h(
        "span",
        { id: `${own}-state`, role: "status" },
        blank ? "A passphrase of nothing but spaces is none." : differ ? "The two differ." : matches ? h("span", null, h(Icon, { icon: icons.faCheck, className: "text-success mr-1" }), "The two are the same.") : ""
      )
    ),
    h(Warn, null, "It is kept nowhere. Without it nobody can open what it locks, and nobody can help.")
  );
}

/** @param {{choice: Choice, set: (part: Partial<Choice>) => void}} props */
function Recipients({ choice, set }) {
  const found = recipientsOf(choice.recipients).length;
  return h(
    "div",
    { className: "sp-block" },
    h(
      Labelled,
      { id: "sp-recipients", label: "Recipients", help: `One a line: what age-keygen calls the public key. ${found ? `${counted(found, "recipient")}.` : "It begins with age1."}` },
      h(B.Form.Control, { as: "textarea", id: "sp-recipients", rows: 3, className: "text-input sp-code", spellCheck: false, placeholder: "age1…", value: choice.recipients, "aria-describedby": "sp-recipients-help", onChange: (/** @type {any} */ event) => set({ recipients: event.currentTarget.value }) })
    )
  );
}
