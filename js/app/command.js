// The same export as a command, for scripts and for people who would rather type.

import { h, useState } from "./host.js";
import { formatOf } from "./choice.js";
import { toConfig } from "./config.js";
import { Copyable, Fold } from "./parts.js";

/** A word of a command line, quoted where a shell would take it apart. @param {string} text */
const word = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);

/** What only a file of settings can say: the rest has options of its own. */
const IN_FILE = ["filters", "privacy", "encrypt", "encrypt7z", "url", "chunkSize", "maxFileSize"];

/** The choice as a file of settings, where it takes one; without secrets, and without what only the panel does. @param {Choice} choice @param {Hello} hello */
function settingsOf(choice, hello) {
  const config = toConfig(choice, hello);
  const templates = formatOf(choice, hello).options.some((option) => option.type === "text" && config.formatOptions[option.name].includes("\n"));
  if (!templates && !IN_FILE.some((key) => key in config)) return null;
  if (config.encrypt && "secret" in config.encrypt) delete config.encrypt;
  if (config.url) delete config.url.secret;
  delete config.encrypt7z;
  delete config.download;
  return config;
}

/** @param {Choice} choice @param {Hello} hello */
export function commandOf(choice, hello) {
  const config = toConfig(choice, hello);
  const here = choice.place === "browser" || choice.place === "clipboard";
  const words = ["python3", "stash_port.py", "export", word(document.baseURI.replace(/\/$/, ""))];
  if (!config.url) words.push("--to", here ? "." : word(config.to || hello.folder + "/"));
  if (settingsOf(choice, hello)) {
    words.push("--config", "export.json");
    if (config.encrypt && "secret" in config.encrypt) words.push("--passphrase-file", "FILE");
    if (config.encrypt7z) words.push("--passphrase-file", "FILE");
    return words.join(" ");
  }
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
    const value = config.formatOptions[option.name];
    if (value !== option.default) words.push("--option", word(`${option.name}=${option.type === "text" ? value : value ? "yes" : "no"}`));
  }
  if (config.reader) words.push("--reader", config.reader);
  return words.join(" ");
}

/** @param {{choice: Choice, hello: Hello}} props */
export function CommandBlock({ choice, hello }) {
  const [open, setOpen] = useState(false);
  const settings = open ? settingsOf(choice, hello) : null;
  return h(
    "div",
    { className: "sp-block" },
    h("h3", { className: "mb-0" }, h(Fold, { id: "sp-command", label: "The same on the command line", open, onToggle: () => setOpen(!open), className: "pl-0" })),
    h(
      "div",
      { id: "sp-command", hidden: !open },
      open ? h("p", { className: "mb-1 mt-2" }, h(Copyable, { text: commandOf(choice, hello), what: "the command" })) : null,
      settings ? h("p", { className: "sub-heading mb-1" }, "With this as the file export.json:") : null,
      settings ? h("p", { className: "mb-1" }, h(Copyable, { text: JSON.stringify(settings, null, 2), what: "the file", block: true })) : null,
      choice.place === "url" && choice.sign ? h("p", { className: "sub-heading mb-1" }, "The secret for the signature goes into the environment variable STASH_PORT_URL_SECRET.") : null,
      h("p", { className: "sub-heading mb-0" }, "In the plugin's folder, or wherever you have a copy of it. A Stash with a password also needs its API key: --api-key-file FILE.")
    )
  );
}
