// What opens an encrypted vault, asked for when a run has to read it: used once, and kept nowhere.

import { B, h, useEffect, useRef, useState } from "./host.js";
import { handed } from "./backups_secrets.js";
import { PassphraseFields, noSecrets } from "./encryption.js";
import { useGuarded } from "./guarded.js";
import { Choices, Input, ProblemBox } from "./parts.js";

/**
 * @param {{words: string, keyName: string, carrying: boolean, onOpen: (config: Record<string, any>) => void, onCancel: () => void}} props
 * `carrying`: what is read leaves as a file, which is to be locked as well; `onOpen`: gets what the secrets are known by
 */
export function Unlock({ words, keyName, carrying, onOpen, onCancel }) {
  const [typed, setTyped] = useState("");
  const [lock, setLock] = useState("passphrase");
  const [secrets, setSecrets] = useState(noSecrets);
  const { busy, problem, guarded } = useGuarded();
  const form = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const input = form.current && form.current.querySelector("input");
    if (input) input.focus();
  }, []);
  const locking = carrying && lock === "passphrase";
  const ready = Boolean(typed.trim()) && (!locking || (Boolean(secrets.passphrase.trim()) && secrets.passphrase === secrets.again));
  const open = () =>
    guarded(async () => {
      const file = locking ? { encrypt: { secret: await handed(secrets.passphrase) } } : carrying ? { plain: true } : {};
      onOpen({ secret: await handed(typed), ...file });
    });
  const options = [
    { value: "passphrase", label: "A file with a passphrase of its own", help: "Opened with that, by Stash Port or by the free program age." },
    { value: "plain", label: "A file that is not encrypted", help: "Whoever has it can read everything in it, keys and passwords too." },
  ];
  return h(
    B.Card,
    { className: "sp-run" },
    h("p", { className: "sp-sentence" }, `${words}: its vault is encrypted.`),
    problem ? h(ProblemBox, { problem }) : null,
    h(
      "form",
      {
        ref: form,
        onSubmit: (/** @type {any} */ event) => {
          event.preventDefault();
          if (ready && !busy) open();
        },
      },
      h(Input, { id: "sp-unlock", type: "password", autoComplete: "off", spellCheck: false, label: `Passphrase of the vault, or its key ${keyName}`, help: "Used for this one run and kept nowhere. The key stands on the recovery sheet: AGE-SECRET-KEY-1…", value: typed, onChange: setTyped }),
      carrying ? h("div", { className: "sp-block px-0" }, h(Choices, { name: "sp-carry-lock", legend: "How the file is locked", columns: true, value: lock, options, onChange: setLock })) : null,
      locking ? h("div", { className: "sp-flush" }, h(PassphraseFields, { secrets, setSecrets, id: "sp-carry-passphrase" })) : null,
      h("div", { className: "sp-buttons" }, h(B.Button, { type: "submit", variant: "primary", disabled: busy || !ready }, "Go on"), h(B.Button, { variant: "secondary", onClick: onCancel }, "Leave it"))
    )
  );
}
