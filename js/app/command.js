// The same export as a command, for scripts and for people who would rather type.

import { h, useState } from "./host.js";
import { formatOf, toConfig } from "./choice.js";
import { Copyable, Fold } from "./parts.js";

/** A word of a command line, quoted where a shell would take it apart. @param {string} text */
const word = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);

/** @param {Choice} choice @param {Hello} hello */
export function commandOf(choice, hello) {
  const config = toConfig(choice, hello);
  const words = ["python3", "stash_port.py", "export", word(document.baseURI.replace(/\/$/, "")), "--to", choice.place === "browser" ? "." : word(config.to || hello.folder + "/")];
  if (config.format !== "json") words.push("--format", config.format);
  if (config.kinds.length < hello.kinds.length) words.push("--kinds", config.kinds.join(","));
  /** @type {[string, string[]][]} */
  const fields = Object.entries(config.fields || {});
  if (fields.length) words.push("--fields", fields.flatMap(([kind, names]) => names.map((name) => `${kind}.${name}`)).join(","));
  if (config.related !== "none") words.push("--related", config.related);
  if (!config.includeFiles) words.push("--no-files");
  if (config.images) words.push("--images");
  if (config.compress !== "none") words.push("--compress", config.compress);
  if (config.overwrite) words.push("--overwrite");
  for (const option of formatOf(choice, hello).options) {
    const value = config.options[option.name];
    if (value !== option.default) words.push("--option", `${option.name}=${value ? "yes" : "no"}`);
  }
  if (config.reader) words.push("--reader", config.reader);
  return words.join(" ");
}

/** @param {{choice: Choice, hello: Hello}} props */
export function CommandBlock({ choice, hello }) {
  const [open, setOpen] = useState(false);
  return h(
    "div",
    { className: "sp-block" },
    h("h3", { className: "mb-0" }, h(Fold, { id: "sp-command", label: "The same on the command line", open, onToggle: () => setOpen(!open), className: "pl-0" })),
    h(
      "div",
      { id: "sp-command", hidden: !open },
      open ? h("p", { className: "mb-1 mt-2" }, h(Copyable, { text: commandOf(choice, hello), what: "the command" })) : null,
      h("p", { className: "sub-heading mb-0" }, "In the plugin's folder, or wherever you have a copy of it. A Stash with a password also needs its API key: --api-key-file FILE.")
    )
  );
}
