// The choice as the back end takes it, and back: task, preview, count and presets share one set of keys.
// Pure: knows nothing of the page.

import { BELOW, DAYS, PICKED, PICKED_KINDS, filtersConfig, listsOf, noFilters, searched } from "./filters.js";
import { canRelate, chosenFields, chosenKinds, defaults, fitting, formatOf, optionsOf, recipientsOf } from "./choice.js";

/** What a secret's place holds until the secret is handed over. */
export const ASKED = "";

/** Only what differs from the back end's own defaults, and what names the result. Secrets are no part of it: `secret` is empty where one is needed. @param {Choice} choice @param {Hello} hello @returns {Record<string, any>} */
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
  const filters = filtersConfig(choice, kinds);
  if (Object.keys(filters).length) config.filters = filters;
  config.includeFiles = choice.includeFiles;
  config.images = choice.images;
  const privacy = privacyOf(choice);
  if (privacy !== "full") config.privacy = privacy;
  if (choice.encryption === "passphrase") config.encrypt = { secret: ASKED };
  if (choice.encryption === "recipients") config.encrypt = { recipients: recipientsOf(choice.recipients) };
  if (choice.encryption === "7z") config.encrypt7z = { secret: ASKED };
  if (Number(choice.chunkSize)) config.chunkSize = Number(choice.chunkSize);
  if (Number(choice.maxFileSize)) config.maxFileSize = `${Number(choice.maxFileSize)}MB`;
  const options = optionsOf(choice, format);
  if (Object.keys(options).length) config.formatOptions = options;
  if (choice.reader !== "auto") config.reader = choice.reader;
  config.download = choice.place === "browser" || choice.place === "clipboard";
  if (choice.place === "url") config.url = { url: choice.url.trim(), method: choice.method, ...(choice.sign ? { secret: ASKED } : {}) };
  if (choice.place === "server") {
    if (choice.to.trim()) config.to = choice.to.trim();
    if (choice.overwrite) config.overwrite = true;
  }
  return config;
}

/** The profile, with what was chosen beside it where that has an effect. @param {Choice} choice @returns {string | Record<string, any>} */
function privacyOf(choice) {
  /** @type {Record<string, any>} */
  const more = {};
  if (choice.excludePersonalData && choice.privacy === "full") more.excludePersonalData = true;
  if (choice.keepPaths && (choice.privacy === "share" || more.excludePersonalData)) more.keepPaths = true;
  if (choice.keepIdentifying && choice.privacy === "share") more.keepIdentifying = true;
  if (choice.excludeFields.length) more.excludeFields = choice.excludeFields;
  return Object.keys(more).length ? { profile: choice.privacy, ...more } : choice.privacy;
}

/** @param {Record<string, any>} config @param {string[]} keys */
const part = (config, keys) => Object.fromEntries(keys.filter((key) => key in config).map((key) => [key, config[key]]));

/** What decides which records there are. @param {Choice} choice @param {Hello} hello */
export const toCount = (choice, hello) => part(toConfig(choice, hello), ["kinds", "includeFiles", "filters", "privacy", "reader"]);

/** What decides how records look. @param {Choice} choice @param {Hello} hello */
export const toPreview = (choice, hello) =>
  part(toConfig(choice, hello), ["kinds", "fields", "related", "includeFiles", "images", "filters", "privacy", "reader"]);

/** What is kept under a name: saved filters stay names, so that a change of theirs counts. @param {Choice} choice @param {Hello} hello */
export function toPreset(choice, hello) {
  const config = toConfig(choice, hello);
  const filters = { ...config.filters };
  const lists = listsOf(choice, chosenKinds(choice, hello));
  const text = searched(choice.filters.text.trim(), lists.filter(([, list]) => list.from !== "saved"));
  if (text) filters.text = text;
  else delete filters.text;
  for (const [kind, list] of lists) {
    if (list.from !== "saved") continue;
    filters.savedFilter = { ...filters.savedFilter, [kind.plural]: list.name };
    filters.filter = { ...filters.filter };
    delete filters.filter[kind.plural];
    if (!Object.keys(filters.filter).length) delete filters.filter;
  }
  delete config.overwrite;
  // To the back end it is a download like any other.
  if (choice.place === "clipboard") config.clipboard = true;
  return Object.keys(filters).length ? { ...config, filters } : config;
}

/** @param {any} value @returns {Record<string, any>} */
const mapping = (value) => (value && typeof value === "object" && !Array.isArray(value) ? value : {});
/** @param {any} value @returns {string[]} */
const texts = (value) => (Array.isArray(value) ? value.filter((one) => typeof one === "string") : []);
/** @param {any} value */
const text = (value) => (typeof value === "string" || typeof value === "number" ? String(value) : "");

/** @param {Record<string, any>} kept @returns {Filters} */
export function toFilters(kept) {
  const filters = noFilters();
  for (const plural of PICKED_KINDS) {
    const below = BELOW[plural];
    const modes = mapping(kept[plural]);
    if (modes.any || modes.all) filters.modes[plural] = modes.any ? "any" : "all";
    filters[plural] = texts(modes.any || modes.all || kept[plural]).map((one) => (/^[a-z]+:\d+$/.test(one) ? { id: one.replace(/^.*:/, ""), name: `${PICKED[plural]} ${one.replace(/^.*:/, "")}` } : { id: one, name: one }));
    if (below) filters[below] = kept[below] !== false;
  }
  filters.text = text(kept.text) || text(mapping(kept.text).all);
  for (const [, , first, last] of DAYS) {
    filters[first] = text(kept[first]);
    filters[last] = text(kept[last]);
  }
  filters.ratingMin = text(kept.ratingMin);
  filters.ratingMax = text(kept.ratingMax);
  for (const key of /** @type {("organized" | "favorite")[]} */ (["organized", "favorite"])) filters[key] = kept[key] === true ? "yes" : kept[key] === false ? "no" : "";
  filters.has = texts(kept.has);
  filters.misses = texts(kept.misses);
  return filters;
}

/** A preset as a choice; what this version does not know is left out. Names of tags and the like are only their ids at first. @param {Record<string, any>} config @param {Hello} hello @returns {Choice} */
export function fromConfig(config, hello) {
  const choice = defaults(hello);
  const format = hello.formats.find((one) => one.name === config.format);
  if (format) {
    choice.format = format.name;
    choice.options = { [format.name]: mapping(config.formatOptions) };
  }
  const kinds = texts(config.kinds);
  if (kinds.length) choice.without = hello.kinds.filter((kind) => !kinds.includes(kind.plural)).map((kind) => kind.plural);
  for (const [plural, names] of Object.entries(mapping(config.fields))) {
    const kind = hello.kinds.find((one) => one.plural === plural);
    if (kind) choice.withoutFields[plural] = kind.fields.map((field) => field.name).filter((name) => !texts(names).includes(name));
  }
  choice.related = text(config.related) || "none";
  choice.includeFiles = config.includeFiles !== false;
  // Kinds of files left out by the switch are not left out by their own box.
  if (!choice.includeFiles) choice.without = choice.without.filter((plural) => plural !== "files" && plural !== "folders");
  choice.images = config.images === true;
  const filters = mapping(config.filters);
  choice.filters = toFilters(filters);
  for (const [plural, name] of Object.entries(mapping(filters.savedFilter))) choice.lists[plural] = { from: "saved", name: text(Array.isArray(name) ? name[0] : name), filter: null, ids: null };
  for (const [plural, filter] of Object.entries(mapping(filters.filter))) choice.lists[plural] = { from: "preset", name: "", filter: mapping(filter), ids: null };
  for (const [plural, ids] of Object.entries(mapping(filters.ids))) choice.lists[plural] = { from: "preset", name: "", filter: null, ids: texts(ids) };
  for (const [plural, words] of Object.entries(mapping(filters.text))) {
    if (plural !== "all") choice.lists[plural] = { ...(choice.lists[plural] || { from: "preset", name: "", filter: {}, ids: null }), q: text(words) };
  }
  const privacy = typeof config.privacy === "string" ? { profile: config.privacy } : mapping(config.privacy);
  if (privacy.profile === "share" || privacy.profile === "anonymous") choice.privacy = privacy.profile;
  else if (privacy.anonymizeData === true) choice.privacy = "anonymous";
  choice.excludePersonalData = privacy.excludePersonalData === true;
  choice.keepPaths = privacy.keepPaths === true;
  choice.keepIdentifying = privacy.keepIdentifying === true;
  choice.excludeFields = texts(privacy.excludeFields);
  const encrypt = mapping(config.encrypt);
  choice.recipients = texts(encrypt.recipients).join("\n");
  if (config.encrypt7z) choice.encryption = "7z";
  else if (choice.recipients) choice.encryption = "recipients";
  else if (config.encrypt) choice.encryption = "passphrase";
  choice.compress = text(config.compress) || "none";
  choice.chunkSize = text(config.chunkSize);
  choice.maxFileSize = text(config.maxFileSize).replace(/ *MB?$/i, "");
  choice.reader = text(config.reader) || "auto";
  const url = mapping(config.url);
  choice.place = config.url ? "url" : config.download === false ? "server" : config.clipboard === true ? "clipboard" : "browser";
  choice.to = text(config.to);
  choice.url = text(url.url);
  choice.method = url.method === "POST" ? "POST" : "PUT";
  choice.sign = "secret" in url;
  return fitting(choice, hello);
}
