// The choice read back as one sentence, and what stands in its way.
// Pure: knows nothing of the page.

import { canRelate, chosenFields, chosenKinds, formatOf, hasMany, optionsOf, recipientsOf, total, withImages } from "./choice.js";
import { filterProblem, filterWords, isFiltered } from "./filters.js";
import { capital, count, counted, listed } from "./words.js";

/** "12,480 scenes, only those with the tag “A”, as one JSON file, gzip, to your browser". @param {Choice} choice @param {Hello} hello @param {Counts | null} counts */
export function sentence(choice, hello, counts) {
  const kinds = chosenKinds(choice, hello);
  const filters = filterWords(choice, kinds, hello);
  const parts = [
    records(choice, hello, counts),
    filters.length ? `only those ${listed(filters)}` : "",
    canRelate(choice, hello) && choice.related !== "none" ? (choice.related === "all" ? "with everything they lead to" : "with what they refer to") : "",
    ...less(choice, hello),
    `as ${files(choice, hello)}`,
    ...packing(choice, hello),
  ];
  return capital(`${parts.filter(Boolean).join(", ")}, ${where(choice)}`);
}

/** What, and how much. @param {Choice} choice @param {Hello} hello @param {Counts | null} counts */
function records(choice, hello, counts) {
  const kinds = chosenKinds(choice, hello);
  const sum = total(choice, hello, counts);
  const unknown = sum === null || !counts || kinds.length === 1 ? [] : kinds.filter((kind) => !(kind.plural in counts)).map((kind) => kind.label.toLowerCase());
  const others = unknown.length ? ` and the ${listed(unknown)}` : "";
  const there = sum && counts ? kinds.filter((kind) => counts[kind.plural] !== 0) : kinds;
  const what = there.length === 1 ? (sum === 1 ? there[0].name.replace("_", " ") : there[0].label.toLowerCase()) : `records of ${counted(there.length - unknown.length, "kind")}${others}`;
  return sum === null ? what : `${count(sum)} ${what}`;
}

/** What is taken out of the records. @param {Choice} choice @param {Hello} hello @returns {string[]} */
function less(choice, hello) {
  const kinds = chosenKinds(choice, hello);
  const out = [];
  const kept = [choice.keepPaths && "paths", choice.keepIdentifying && choice.privacy === "share" && "what identifies"].filter(Boolean);
  const but = kept.length ? ` (but with ${listed(/** @type {string[]} */ (kept))})` : "";
  if (choice.privacy === "share") out.push(`safe to share${but}`);
  if (choice.privacy === "anonymous") out.push("anonymous");
  if (choice.privacy === "full" && choice.excludePersonalData) out.push(`without what is personal${but || " and paths"}`);
  const left = kinds.reduce((sum, kind) => sum + kind.fields.length - chosenFields(choice, kind).length, 0);
  if (choice.excludeFields.length) out.push(`without the ${choice.excludeFields.length === 1 ? "field" : "fields"} ${listed(choice.excludeFields)}`);
  if (left) out.push(`without ${counted(left, choice.excludeFields.length ? "other field" : "field")}`);
  if (!choice.includeFiles) out.push("without file details");
  return out;
}

/** @param {Choice} choice @param {Hello} hello */
function files(choice, hello) {
  const format = formatOf(choice, hello);
  const parted = choice.chunkSize || choice.maxFileSize ? `${format.label} files of ${listed([choice.chunkSize && `at most ${counted(Number(choice.chunkSize), "record")}`, choice.maxFileSize && `at most ${choice.maxFileSize} MB`].filter(Boolean))}` : "";
  const images = withImages(choice) ? " with images" : "";
  if (parted) return parted + images;
  if (!format.folder) return `one ${format.label} file${images}`;
  return (choice.compress === "none" ? `a folder of ${format.label} files` : `${format.label} files`) + images;
}

/** @param {Choice} choice @param {Hello} hello @returns {string[]} */
function packing(choice, hello) {
  const format = formatOf(choice, hello);
  const values = optionsOf(choice, format);
  const out = [];
  for (const option of format.options) {
    if (option.type === "boolean" && values[option.name] !== option.default) out.push(values[option.name] ? option.label.toLowerCase() : `without ${option.label.toLowerCase()}`);
    else if (option.type === "text" && values[option.name] !== option.default && values[option.name]) out.push(`with your ${option.label.toLowerCase()}`);
  }
  if (choice.compress === "zip") out.push(hasMany(choice, format) ? "in one zip" : "zipped");
  else if (choice.compress === "gzip") out.push("gzip");
  else if (choice.compress === "7z") out.push("in one 7z archive");
  if (choice.encryption === "passphrase") out.push("encrypted with a passphrase");
  if (choice.encryption === "7z") out.push("locked with 7z's own passphrase");
  if (choice.encryption === "recipients") {
    const number = recipientsOf(choice.recipients).length;
    out.push(`encrypted for ${number ? counted(number, "recipient") : "recipients"}`);
  }
  if (choice.reader === "database") out.push("read from the database");
  if (choice.reader === "graphql") out.push("read through Stash's API");
  return out;
}

/** @param {Choice} choice */
function where(choice) {
  if (choice.place === "browser") return "to your browser";
  if (choice.place === "clipboard") return "to the clipboard";
  if (choice.place === "url") return `sent by ${choice.method} to ${choice.url.trim() || "an address"}${choice.sign ? ", signed" : ""}`;
  return `${choice.to.trim() ? `to ${choice.to.trim()} on the server` : "to the default folder on the server"}${choice.overwrite ? ", replacing what is there" : ""}`;
}

/** Why it cannot start, if it cannot. @param {Choice} choice @param {Hello} hello @param {Counts | null} counts @param {Secrets} secrets @returns {string} */
export function blocker(choice, hello, counts, secrets) {
  const kinds = chosenKinds(choice, hello);
  if (!kinds.length) return "Tick at least one kind of record.";
  const empty = kinds.find((kind) => kind.fields.length && !chosenFields(choice, kind).length);
  if (empty) return `Choose at least one field of ${empty.label.toLowerCase()}, or untick it.`;
  const filters = filterProblem(choice, kinds);
  if (filters) return filters;
  if (counts && total(choice, hello, counts) === 0 && kinds.every((kind) => kind.plural in counts)) {
    return isFiltered(choice, kinds) ? "Nothing in your library matches the filters." : "There is nothing of this in your library yet.";
  }
  return target(choice, hello) || lock(choice, secrets);
}

/** @param {Choice} choice @param {Hello} hello @returns {string} */
function target(choice, hello) {
  const format = formatOf(choice, hello);
  for (const option of format.options) {
    if (option.name === "template" && !optionsOf(choice, format)[option.name].trim()) return `Write the ${option.label.toLowerCase()} first, or begin with an example.`;
  }
  for (const [name, value] of [["Records a file", choice.chunkSize], ["Megabytes a file", choice.maxFileSize]]) {
    if (value && !/^[1-9]\d*$/.test(value)) return `${name} is a whole number above zero, or left empty.`;
  }
  if (choice.place === "clipboard" && (format.folder || hasMany(choice, format))) return "The clipboard takes one file: choose another format, or another destination.";
  if (choice.place === "clipboard" && choice.encryption !== "none") return "An encrypted file is no text: choose another destination, or no encryption.";
  return choice.place === "url" ? address(choice.url.trim()) : "";
}

/** Why an address cannot be used, if it cannot. @param {string} text @returns {string} */
function address(text) {
  if (!text) return "Write the address that the export is sent to.";
  let url;
  try {
    url = new URL(text);
  } catch (error) {
    return "The address is not complete: it begins with https://.";
  }
  if (!["http:", "https:"].includes(url.protocol)) return "The address begins with https:// or http://.";
  // Stash logs what a task is asked for.
  if (url.username || url.password) return "Leave name and password out of the address: it would stand in Stash's log.";
  return "";
}

/** @param {Choice} choice @param {Secrets} secrets @returns {string} */
function lock(choice, secrets) {
  if (choice.encryption === "passphrase" || choice.encryption === "7z") {
    if (!secrets.passphrase.trim()) return "Type a passphrase, or choose no encryption.";
    if (!secrets.again) return "Type the passphrase a second time.";
    if (secrets.passphrase !== secrets.again) return "The two passphrases differ.";
  }
  if (choice.encryption === "recipients" && choice.compress === "7z") return "A 7z archive takes a passphrase only: choose another compression, or no recipients.";
  if (choice.encryption === "recipients") {
    const recipients = recipientsOf(choice.recipients);
    if (!recipients.length) return "Name at least one recipient, or choose no encryption.";
    const odd = recipients.find((one) => !/^age1[02-9ac-hj-np-z]{58}$/.test(one));
    if (odd) return `This is no age recipient: ${odd.length > 24 ? `${odd.slice(0, 24)}…` : odd}`;
  }
  if (choice.place === "url" && choice.sign && !secrets.signature.trim()) return "Type the secret for the signature, or switch it off.";
  return "";
}
