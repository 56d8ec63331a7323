// What was chosen on the export page: defaults, what is kept for the next visit, the configuration sent to the back end, and the sentence that reads it back.
// Pure: knows nothing of the page.

import { capital, count, counted, listed } from "./words.js";

const KEY = "stash_port.choice";

/** @param {Hello} hello @returns {Choice} */
export function defaults(hello) {
  return {
    format: (hello.formats.find((format) => format.name === "json") || hello.formats[0]).name,
    without: [],
    withoutFields: {},
    related: "none",
    includeFiles: true,
    images: false,
    compress: "none",
    place: "browser",
    to: "",
    overwrite: false,
    options: {},
    reader: "auto",
  };
}

/** The last visit's choice, as far as this version still knows it. @param {Hello} hello @returns {Choice} */
export function remembered(hello) {
  const fresh = defaults(hello);
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) || "{}");
    for (const key of /** @type {(keyof Choice)[]} */ (Object.keys(fresh))) {
      if (typeof kept[key] === typeof fresh[key] && Array.isArray(kept[key]) === Array.isArray(fresh[key])) /** @type {any} */ (fresh)[key] = kept[key];
    }
  } catch (error) {
    // a choice that cannot be read is a choice not made
  }
  if (!hello.formats.some((format) => format.name === fresh.format)) fresh.format = defaults(hello).format;
  fresh.overwrite = false;
  return fitting(fresh, hello);
}

/** @param {Choice} choice */
export function remember(choice) {
  try {
    localStorage.setItem(KEY, JSON.stringify(choice));
  } catch (error) {
    // private windows may refuse: the choice just is not kept
  }
}

/** @param {Choice} choice @param {Hello} hello @returns {FormatInfo} */
export const formatOf = (choice, hello) => hello.formats.find((format) => format.name === choice.format) || hello.formats[0];

/** A compression that the format cannot have falls back; a folder goes to a browser as one zip. @param {Choice} choice @param {Hello} hello @returns {Choice} */
export function fitting(choice, hello) {
  const format = formatOf(choice, hello);
  let compress = format.compress.includes(choice.compress) ? choice.compress : format.compress[0] || "none";
  if (format.folder && choice.place === "browser" && compress !== "zip" && format.compress.includes("zip")) compress = "zip";
  return compress === choice.compress ? choice : { ...choice, compress };
}

/** @param {string} plural */
const isFile = (plural) => plural === "files" || plural === "folders";

/** The kinds that will be written. @param {Choice} choice @param {Hello} hello */
export const chosenKinds = (choice, hello) =>
  hello.kinds.filter((kind) => !choice.without.includes(kind.plural) && (choice.includeFiles || !isFile(kind.plural)));

/** @param {Choice} choice @param {KindInfo} kind */
export const chosenFields = (choice, kind) => kind.fields.filter((field) => !(choice.withoutFields[kind.plural] || []).includes(field.name));

/** Records that will be written, as far as they can be counted beforehand. @param {Choice} choice @param {Hello} hello @param {Counts | null} counts */
export function total(choice, hello, counts) {
  if (!counts) return null;
  return chosenKinds(choice, hello).reduce((sum, kind) => sum + (counts[kind.plural] || 0), 0);
}

/** Whether the ticked kinds can point to records of others. @param {Choice} choice @param {Hello} hello */
export const canRelate = (choice, hello) => chosenKinds(choice, hello).length < hello.kinds.filter((kind) => choice.includeFiles || !isFile(kind.plural)).length;

/** Only what differs from the back end's own defaults, and what names the result. @param {Choice} choice @param {Hello} hello @returns {Record<string, any>} */
export function toConfig(choice, hello) {
  const kinds = chosenKinds(choice, hello);
  const format = formatOf(choice, hello);
  /** @type {Record<string, any>} */
  const config = { format: choice.format, kinds: kinds.map((kind) => kind.plural), compress: choice.compress, related: canRelate(choice, hello) ? choice.related : "none" };
  /** @type {Record<string, string[]>} */
  const fields = {};
  for (const kind of kinds) {
    const chosen = chosenFields(choice, kind);
    if (chosen.length < kind.fields.length) fields[kind.plural] = chosen.map((field) => field.name);
  }
  if (Object.keys(fields).length) config.fields = fields;
  config.includeFiles = choice.includeFiles;
  config.images = choice.images;
  const options = optionsOf(choice, format);
  if (Object.keys(options).length) config.options = options;
  if (choice.reader !== "auto") config.reader = choice.reader;
  if (choice.place === "browser") config.download = true;
  else {
    config.download = false;
    if (choice.to.trim()) config.to = choice.to.trim();
    if (choice.overwrite) config.overwrite = true;
  }
  return config;
}

/** @param {Choice} choice @param {FormatInfo} format */
export function optionsOf(choice, format) {
  const kept = choice.options[format.name] || {};
  return Object.fromEntries(format.options.map((option) => [option.name, option.name in kept ? kept[option.name] : option.default]));
}

/** "12,480 scenes as JSON, gzip, to your browser". @param {Choice} choice @param {Hello} hello @param {Counts | null} counts */
export function sentence(choice, hello, counts) {
  const kinds = chosenKinds(choice, hello);
  const sum = total(choice, hello, counts);
  const format = formatOf(choice, hello);
  const unknown = sum === null || !counts || kinds.length === 1 ? [] : kinds.filter((kind) => !(kind.plural in counts)).map((kind) => kind.label.toLowerCase());
  const others = unknown.length ? ` and the ${listed(unknown)}` : "";
  const what = kinds.length === 1 ? (sum === 1 ? kinds[0].name.replace("_", " ") : kinds[0].label.toLowerCase()) : `records of ${counted(kinds.length - unknown.length, "kind")}${others}`;
  const much = sum === null ? what : `${count(sum)} ${what}`;
  const related = canRelate(choice, hello) && choice.related !== "none" ? ", with what they refer to," : "";
  const many = format.folder;
  const files = many ? (choice.compress === "none" ? `a folder of ${format.label} files` : `${format.label} files`) : `one ${format.label} file`;
  const images = choice.images ? " with images" : "";
  const packed = choice.compress === "zip" ? (many ? " in one zip" : ", zipped,") : choice.compress === "gzip" ? ", gzip," : "";
  const where = choice.place === "browser" ? "to your browser" : choice.to.trim() ? `to ${choice.to.trim()} on the server` : "to the default folder on the server";
  return capital(`${much}${related} as ${files}${images}${packed} ${where}`);
}

/** Why it cannot start, if it cannot. @param {Choice} choice @param {Hello} hello @param {Counts | null} counts @returns {string} */
export function blocker(choice, hello, counts) {
  const kinds = chosenKinds(choice, hello);
  if (!kinds.length) return "Tick at least one kind of record.";
  const empty = kinds.find((kind) => kind.fields.length && !chosenFields(choice, kind).length);
  if (empty) return `Choose at least one field of ${empty.label.toLowerCase()}, or untick it.`;
  if (counts && total(choice, hello, counts) === 0 && kinds.every((kind) => kind.plural in counts)) return "There is nothing of this in your library yet.";
  return "";
}
