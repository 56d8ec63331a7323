// What is to be restored, and how: as it is chosen, as the back end takes it, and in words. Pure: knows nothing of the page.

import { isProven } from "./backups_words.js";
import { canRelate, chosenKinds, defaults } from "./choice.js";
import { toFilters } from "./config.js";
import { PICKED_KINDS, filterProblem, filterWords, filtersConfig } from "./filters.js";
import { capital, counted, listed } from "./words.js";

/** What must be typed to write without a copy. */
export const WITHOUT_COPY = "without a copy";

/** Notes of the copies that are saved before a library is changed: to go back by, not to restore from once more. */
const COPY = /^before (restoring|taking back) \d/;

/** The newest one that is proven and holds a whole library of ours. @param {Listing | null} listing @returns {Backup | undefined} */
export function newestGood(listing) {
  const good = listing ? listing.backups.filter((one) => isProven(one) && one.kind !== "filtered" && one.instance in listing.instances) : [];
  return good.find((one) => !COPY.test(one.note || "")) || good[0];
}

/** @param {Hello} hello @param {string} [backup] the one to begin with @returns {Wish} */
export const proposedWish = (hello, backup = "") => ({
  from: backup ? "backup" : "newest",
  backup,
  file: "",
  what: "all",
  part: { ...defaults(hello), related: "all", without: hello.kinds.map((kind) => kind.plural) },
  fields: [],
  strategy: "merge",
  method: "api",
  files: "scan",
  settings: false,
  salvage: false,
  paths: [],
});

/** The backup that is meant, where it is one of the vault. @param {Wish} wish @param {Listing | null} listing @returns {Backup | undefined} */
export function chosenBackup(wish, listing) {
  if (!listing || wish.from === "file") return undefined;
  return wish.from === "newest" ? newestGood(listing) : listing.backups.find((one) => one.id === wish.backup);
}

/** Kinds and filters as they are meant: with fields, the kinds are theirs. @param {Wish} wish @param {Hello} hello @returns {Choice} */
export function partOf(wish, hello) {
  if (wish.what !== "fields") return wish.part;
  const plurals = new Set(wish.fields.map((one) => one.split(".")[0]));
  return { ...wish.part, without: hello.kinds.map((kind) => kind.plural).filter((plural) => !plurals.has(plural)) };
}

/** Filters that name records by name: a backup may know them under other numbers. @param {Choice} choice @param {KindInfo[]} kinds */
function filtersByName(choice, kinds) {
  const filters = filtersConfig({ ...choice, lists: {} }, kinds);
  for (const plural of PICKED_KINDS) {
    if (!filters[plural]) continue;
    const names = choice.filters[plural].map((one) => one.name);
    filters[plural] = Array.isArray(filters[plural]) ? names : { [choice.filters[plural].length > 1 ? choice.filters.modes[plural] : "any"]: names };
  }
  return filters;
}

/** @param {Wish} wish @param {Hello} hello @param {Listing | null} listing @returns {Record<string, any>} */
export function wishConfig(wish, hello, listing) {
  const backup = chosenBackup(wish, listing);
  /** @type {Record<string, any>} */
  const config = { source: wish.from === "file" ? wish.file.trim() : backup && listing ? `${listing.place}#${backup.id}` : "", method: wish.method, dryRun: true };
  const paths = wish.paths.filter((rule) => rule.from.trim()).map((rule) => `${rule.from.trim()}=${rule.to.trim()}`);
  if (paths.length) config.paths = paths;
  if (wish.salvage) config.salvage = true;
  if (wish.method === "database") return config;
  Object.assign(config, { strategy: wish.strategy, files: wish.files });
  if (wish.settings && wish.what === "all") config.settings = true;
  if (wish.what === "all") return config;
  const choice = partOf(wish, hello);
  const kinds = chosenKinds(choice, hello);
  config.kinds = kinds.map((kind) => kind.plural);
  const filters = filtersByName(choice, kinds);
  if (Object.keys(filters).length) config.filters = filters;
  if (wish.what === "fields") config.fields = Object.fromEntries(kinds.map((kind) => [kind.plural, wish.fields.filter((one) => one.startsWith(`${kind.plural}.`)).map((one) => one.split(".")[1])]));
  else config.related = canRelate(choice, hello) ? choice.related : "none";
  return config;
}

/** A backup of the usual vault that was named by its place is one of the list. @param {Wish} wish @param {Listing} listing @returns {Partial<Wish>} */
export function recognised(wish, listing) {
  const found = wish.from === "file" && listing.backups.find((one) => wish.file === `${listing.place}#${one.id}`);
  return found ? { from: "backup", backup: found.id, file: "" } : {};
}

/** A run's configuration as a wish, to begin anew from. @param {Record<string, any>} config @param {Hello} hello @returns {Wish} */
export function wishOf(config, hello) {
  const wish = proposedWish(hello);
  const { source, kinds, fields, filters, related, strategy, method, files, paths } = config;
  if (typeof source === "string" && source) Object.assign(wish, { from: "file", file: source });
  if (Array.isArray(kinds) && kinds.length) {
    wish.what = "some";
    wish.part = { ...wish.part, related: related || "none", without: hello.kinds.map((kind) => kind.plural).filter((plural) => !kinds.includes(plural)) };
  }
  if (fields && Object.keys(fields).length) {
    wish.what = "fields";
    wish.fields = Object.entries(fields).flatMap(([plural, names]) => /** @type {string[]} */ (names).map((name) => `${plural}.${name}`));
  }
  if (filters) wish.part = { ...wish.part, filters: toFilters(filters) };
  if (typeof strategy === "string") wish.strategy = strategy;
  if (method) wish.method = method;
  if (files === "create") wish.files = "create";
  wish.settings = config.settings === true;
  wish.salvage = config.salvage === true;
  if (Array.isArray(paths)) wish.paths = paths.map((one) => ({ from: one.slice(0, one.indexOf("=")), to: one.slice(one.indexOf("=") + 1) }));
  return wish;
}

/** @type {Record<string, string>} */
const HOW = {
  merge: "fill in what is empty and add what is missing",
  exact: "make them as in the backup",
  overwrite: "replace what is here by what the backup tells",
  skip: "leave what is here alone and only add what is missing",
  prompt: "ask about each difference",
};

/** @param {Wish} wish @param {Hello} hello @param {string} source the backup in words */
export function wishSentence(wish, hello, source) {
  if (wish.method === "database") return `Put the whole database of ${source} in place of this library's`;
  const choice = partOf(wish, hello);
  const kinds = chosenKinds(choice, hello);
  const filters = wish.what === "all" ? [] : filterWords({ ...choice, lists: {} }, kinds, hello);
  const names = kinds.map((kind) => kind.label.toLowerCase());
  const fields = kinds.map((kind) => `${listed(kind.fields.filter((field) => wish.fields.includes(`${kind.plural}.${field.name}`)).map((field) => field.label.toLowerCase()))} of ${kind.label.toLowerCase()}`);
  const what = wish.what === "all" ? "Everything" : wish.what === "fields" ? `Only ${listed(fields) || "some fields"}` : capital(listed(names)) || "Nothing yet";
  return [`${what} from ${source}`, filters.length ? `only those ${listed(filters)}` : "", HOW[wish.strategy] || "", wish.paths.length ? `with ${counted(wish.paths.length, "path rule")}` : ""].filter(Boolean).join("; ");
}

/** Why no plan can be made, or "". @param {Wish} wish @param {Hello} hello @param {Listing | null} listing @returns {string} */
export function wishProblem(wish, hello, listing) {
  if (!hello.state.writable) return "Stash Port cannot keep its records here.";
  if (wish.from === "file" && !wish.file.trim()) return "Name the file.";
  if (wish.from !== "file" && !listing) return "Looking into the vault…";
  if (wish.from !== "file" && !chosenBackup(wish, listing)) return wish.from === "newest" ? "There is no good backup: choose another one, or a file." : "Choose a backup.";
  if (wish.paths.some((rule) => Boolean(rule.from.trim()) !== Boolean(rule.to.trim()))) return "A path rule needs both: where the files were, and where they are.";
  if (wish.method === "database" && wish.what !== "all") return "The whole database comes with everything in it: choose everything, or another way of writing.";
  if (wish.what === "fields" && !wish.fields.length) return "Choose at least one field.";
  if (wish.what === "all") return "";
  const choice = partOf(wish, hello);
  const kinds = chosenKinds(choice, hello);
  if (!kinds.length) return "Tick at least one kind.";
  return filterProblem({ ...choice, lists: {} }, kinds);
}
