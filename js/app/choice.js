// What was chosen on the export page: defaults, what is kept for the next visit, and what follows from it.
// Pure: knows nothing of the page.

import { isFiltered, noFilters } from "./filters.js";

const KEY = "stash_port.choice";

/** @param {Hello} hello @returns {Choice} */
export function defaults(hello) {
  return {
    format: (hello.formats.find((format) => format.name === "json") || hello.formats[0]).name,
    without: [],
    withoutFields: {},
    related: "none",
    filters: noFilters(),
    lists: {},
    includeFiles: true,
    images: false,
    privacy: "full",
    excludePersonalData: false,
    keepPaths: false,
    keepIdentifying: false,
    excludeFields: [],
    encryption: "none",
    recipients: "",
    compress: "none",
    place: "browser",
    to: "",
    overwrite: false,
    url: "",
    method: "PUT",
    sign: false,
    chunkSize: "",
    maxFileSize: "",
    options: {},
    reader: "auto",
  };
}

/** Takes over what has the same shape. @param {any} fresh @param {any} kept */
function adopt(fresh, kept) {
  for (const key of Object.keys(fresh)) {
    if (kept && typeof kept[key] === typeof fresh[key] && Array.isArray(kept[key]) === Array.isArray(fresh[key]) && kept[key] !== null) fresh[key] = kept[key];
  }
  return fresh;
}

/** The last visit's choice, as far as this version still knows it. @param {Hello} hello @returns {Choice} */
export function remembered(hello) {
  /** @type {Choice} */
  let fresh = defaults(hello);
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) || "{}");
    fresh = adopt(fresh, kept);
    fresh.filters = adopt(noFilters(), kept.filters);
    fresh.filters.modes = adopt(noFilters().modes, fresh.filters.modes);
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

/** What "Export these…" on one of Stash's lists stands for: that kind alone, with the list's filter or what was ticked. @param {ListState} list @param {Hello} hello @returns {Choice} */
export function fromList(list, hello) {
  const plural = list.mode.toLowerCase();
  const choice = { ...remembered(hello), filters: { ...noFilters(), text: list.ids.length ? "" : list.q || "" }, lists: {} };
  const kind = hello.kinds.find((one) => one.plural === plural);
  if (!kind) return choice;
  choice.without = hello.kinds.filter((one) => one !== kind).map((one) => one.plural);
  const filter = Object.keys(list.filter).length ? list.filter : null;
  /** @type {ListChoice} */
  const chosen = { from: "list", name: list.words.join("; "), filter: list.ids.length ? null : filter, ids: list.ids.length ? list.ids : null };
  return chosen.ids || chosen.filter ? { ...choice, lists: { [plural]: chosen } } : choice;
}

/** @param {Choice} choice @param {Hello} hello @returns {FormatInfo} */
export const formatOf = (choice, hello) => hello.formats.find((format) => format.name === choice.format) || hello.formats[0];

/** Whether pictures leave: they show people. @param {Choice} choice */
export const withImages = (choice) => choice.images && (choice.privacy === "full" || (choice.privacy === "share" && choice.keepIdentifying));

/** Whether there will be more than one file. @param {Choice} choice @param {FormatInfo} format */
export const hasMany = (choice, format) => format.compress.includes("zip") && (format.folder || withImages(choice) || Boolean(choice.chunkSize || choice.maxFileSize));

/** Whether several files have to become one on their way. @param {Choice} choice @param {FormatInfo} format */
export const mustPack = (choice, format) => hasMany(choice, format) && (choice.place === "browser" || choice.place === "url");

/** What cannot go together falls back. Encryption never falls back to none. @param {Choice} choice @param {Hello} hello @returns {Choice} */
export function fitting(choice, hello) {
  const format = formatOf(choice, hello);
  let compress = format.compress.includes(choice.compress) ? choice.compress : format.compress[0] || "none";
  if (choice.place === "clipboard" && format.compress.includes("none")) compress = "none";
  if (mustPack(choice, format) && compress !== "7z") compress = "zip";
  // A 7z archive has a lock of its own and takes no other.
  let encryption = choice.encryption;
  if (encryption === "passphrase" && compress === "7z") encryption = "7z";
  else if (encryption === "7z" && compress !== "7z") encryption = "passphrase";
  return compress === choice.compress && encryption === choice.encryption ? choice : { ...choice, compress, encryption };
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

/** Whether what is chosen can point to records that are not. @param {Choice} choice @param {Hello} hello */
export function canRelate(choice, hello) {
  const kinds = chosenKinds(choice, hello);
  return isFiltered(choice, kinds) || kinds.length < hello.kinds.filter((kind) => choice.includeFiles || !isFile(kind.plural)).length;
}

/** @param {Choice} choice @param {FormatInfo} format */
export function optionsOf(choice, format) {
  const kept = choice.options[format.name] || {};
  return Object.fromEntries(format.options.map((option) => [option.name, typeof kept[option.name] === typeof option.default ? kept[option.name] : option.default]));
}

/** The lines that name a recipient. @param {string} text */
export const recipientsOf = (text) =>
  text
    .split(/[\s,]+/)
    .map((line) => line.trim())
    .filter(Boolean);
