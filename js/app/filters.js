// Which records of the ticked kinds: what is set, as words, as the back end's configuration, and what cannot be.
// Pure: knows nothing of the page.

import { count, counted, day, listed, quoted } from "./words.js";

/** Kinds that records belong to, with the word for one. @type {Record<PickedKind, string>} */
export const PICKED = { tags: "tag", performers: "performer", studios: "studio", groups: "group", galleries: "gallery" };
/** @type {PickedKind[]} */
export const PICKED_KINDS = ["tags", "performers", "studios", "groups", "galleries"];
/** What may count from below as well. @type {Partial<Record<PickedKind, "subTags" | "subStudios" | "subGroups">>} */
export const BELOW = { tags: "subTags", studios: "subStudios", groups: "subGroups" };

/** @typedef {"dateFrom" | "dateUntil" | "createdFrom" | "createdUntil" | "updatedFrom" | "updatedUntil"} DayKey */
/** Ranges of days: name, word in the sentence, first, last. @type {[string, string, DayKey, DayKey][]} */
export const DAYS = [
  ["Date", "dated", "dateFrom", "dateUntil"],
  ["Added to Stash", "added", "createdFrom", "createdUntil"],
  ["Changed in Stash", "changed", "updatedFrom", "updatedUntil"],
];

/** What a plain list means, to the back end as on Stash's own pages. @type {Record<PickedKind, "any" | "all">} */
export const MODES = { tags: "all", performers: "all", studios: "any", groups: "any", galleries: "all" };

/** @returns {Filters} */
export const noFilters = () => ({
  modes: { ...MODES },
  tags: [],
  performers: [],
  studios: [],
  groups: [],
  galleries: [],
  subTags: true,
  subStudios: true,
  subGroups: true,
  text: "",
  dateFrom: "",
  dateUntil: "",
  createdFrom: "",
  createdUntil: "",
  updatedFrom: "",
  updatedUntil: "",
  ratingMin: "",
  ratingMax: "",
  organized: "",
  favorite: "",
  has: [],
  misses: [],
});

/** @param {string[]} fields "scenes.details" @param {KindInfo[]} kinds */
const ofKinds = (fields, kinds) => fields.filter((field) => kinds.some((kind) => field.startsWith(`${kind.plural}.`)));

/** What is set beside the lists, as the back end takes it; without what would have no effect. @param {Filters} filters @param {KindInfo[]} kinds the ticked ones @returns {Record<string, any>} */
export function named(filters, kinds) {
  /** @type {Record<string, any>} */
  const out = {};
  for (const plural of PICKED_KINDS) {
    const below = BELOW[plural];
    if (!filters[plural].length) continue;
    const ids = filters[plural].map((one) => `${PICKED[plural]}:${one.id}`);
    out[plural] = ids.length > 1 && filters.modes[plural] !== MODES[plural] ? { [filters.modes[plural]]: ids } : ids;
    if (below) out[below] = filters[below];
  }
  if (filters.text.trim()) out.text = filters.text.trim();
  for (const [, , first, last] of DAYS) {
    if (filters[first]) out[first] = filters[first];
    if (filters[last]) out[last] = filters[last];
  }
  if (filters.ratingMin !== "") out.ratingMin = Number(filters.ratingMin);
  if (filters.ratingMax !== "") out.ratingMax = Number(filters.ratingMax);
  if (filters.organized) out.organized = filters.organized === "yes";
  if (filters.favorite) out.favorite = filters.favorite === "yes";
  const has = ofKinds(filters.has, kinds);
  const misses = ofKinds(filters.misses, kinds);
  if (has.length) out.has = has;
  if (misses.length) out.misses = misses;
  return out;
}

/** The lists that have an effect. @param {Choice} choice @param {KindInfo[]} kinds the ticked ones @returns {[KindInfo, ListChoice][]} */
export const listsOf = (choice, kinds) => kinds.filter((kind) => choice.lists[kind.plural]).map((kind) => [kind, choice.lists[kind.plural]]);

/** What is searched for: words for every kind, beside the words that lists have for their own kind. @param {string} words @param {[KindInfo, ListChoice][]} lists @returns {string | Record<string, string>} */
export function searched(words, lists) {
  const own = Object.fromEntries(lists.flatMap(([kind, list]) => (list.q ? [[kind.plural, list.q]] : [])));
  return Object.keys(own).length ? { ...(words ? { all: words } : {}), ...own } : words;
}

/** Everything that is set, under the configuration's key `filters`. @param {Choice} choice @param {KindInfo[]} kinds the ticked ones @returns {Record<string, any>} */
export function filtersConfig(choice, kinds) {
  const out = named(choice.filters, kinds);
  const lists = listsOf(choice, kinds);
  const text = searched(out.text || "", lists);
  if (text) out.text = text;
  for (const [kind, list] of lists) {
    if (list.ids) out.ids = { ...out.ids, [kind.plural]: list.ids };
    else if (list.filter) out.filter = { ...out.filter, [kind.plural]: list.filter };
  }
  return out;
}

/** @param {Choice} choice @param {KindInfo[]} kinds */
export const isFiltered = (choice, kinds) => listsOf(choice, kinds).length > 0 || Object.keys(named(choice.filters, kinds)).length > 0;

/** A range of two ends. @param {string} word @param {string} first @param {string} last */
function range(word, first, last) {
  if (first && last) return [`${word} ${day(first)} to ${day(last)}`];
  return first ? [`${word} ${day(first)} or later`] : last ? [`${word} ${day(last)} or earlier`] : [];
}

/** @param {string[]} fields @param {Hello} hello */
const fieldWords = (fields, hello) => listed(fields.map((field) => fieldLabel(field, hello)));

/** "Details of scenes". @param {string} field "scenes.details" @param {Hello} hello */
export function fieldLabel(field, hello) {
  const [plural, name] = field.split(".");
  const kind = hello.kinds.find((one) => one.plural === plural);
  const found = kind && kind.fields.find((one) => one.name === name);
  return kind && found ? `${found.label.toLowerCase()} of ${kind.label.toLowerCase()}` : field;
}

/** Each filter that is set, as a phrase after "only those". @param {Choice} choice @param {KindInfo[]} kinds the ticked ones @param {Hello} hello */
export function filterWords(choice, kinds, hello) {
  const { filters } = choice;
  const words = [];
  for (const [kind, list] of listsOf(choice, kinds)) {
    const which = `${list.q ? ` with its text ${quoted(list.q)}` : ""}${kinds.length > 1 ? ` (${kind.label.toLowerCase()})` : ""}`;
    if (list.from === "saved") words.push(`in the saved filter ${quoted(list.name)}${which}`);
    else if (list.ids) words.push(`${kinds.length > 1 ? `${count(list.ids.length)} ${list.ids.length === 1 ? kind.name : kind.label.toLowerCase()} ` : ""}ticked in Stash's list`);
    else words.push(`that a list of ${kind.label.toLowerCase()} showed${list.name ? ` (${list.name})` : ""}${list.q ? ` with the text ${quoted(list.q)}` : ""}`);
  }
  const before = { tags: "with the tag", performers: "with the performer", studios: "of the studio", groups: "in the group", galleries: "in the gallery" };
  for (const plural of PICKED_KINDS) {
    const below = BELOW[plural];
    if (!filters[plural].length) continue;
    const all = filters.modes[plural] === "all" && filters[plural].length > 1;
    const names = listed(filters[plural].map((one) => quoted(one.name)), all ? "and" : "or");
    words.push(`${before[plural]}${all ? "s" : ""} ${names}${below && filters[below] ? " (or below)" : ""}`);
  }
  if (filters.text.trim()) words.push(`with the text ${quoted(filters.text.trim())}`);
  for (const [, word, first, last] of DAYS) words.push(...range(word, filters[first], filters[last]));
  if (filters.ratingMin !== "" && filters.ratingMax !== "") words.push(`rated ${filters.ratingMin} to ${filters.ratingMax}`);
  else if (filters.ratingMin !== "") words.push(`rated ${filters.ratingMin} or more`);
  else if (filters.ratingMax !== "") words.push(`rated ${filters.ratingMax} or less`);
  if (filters.organized) words.push(filters.organized === "yes" ? "that are organized" : "that are not organized");
  if (filters.favorite) words.push(filters.favorite === "yes" ? "that are favourites" : "that are no favourites");
  const has = ofKinds(filters.has, kinds);
  const misses = ofKinds(filters.misses, kinds);
  if (has.length) words.push(`with ${fieldWords(has, hello)}`);
  if (misses.length) words.push(`without ${fieldWords(misses, hello)}`);
  return words;
}

/** Why the filters cannot be used, if they cannot. @param {Choice} choice @param {KindInfo[]} kinds the ticked ones @returns {string} */
export function filterProblem(choice, kinds) {
  const { filters } = choice;
  for (const [kind, list] of listsOf(choice, kinds)) {
    if (list.gone) return `There is no saved filter ${quoted(list.name)} of ${kind.label.toLowerCase()} any more: choose another one, or none.`;
    if (list.unreadable) return `The saved filter ${quoted(list.name)} of ${kind.label.toLowerCase()} cannot be read: choose another one, or none.`;
    if (!list.filter && !list.ids) return `The saved filter ${quoted(list.name)} is being read…`;
  }
  for (const [name, , first, last] of DAYS) {
    if (filters[first] && filters[last] && filters[first] > filters[last]) return `${name}: the first day is after the last.`;
  }
  for (const value of [filters.ratingMin, filters.ratingMax]) {
    if (value !== "" && !(/^\d+$/.test(value) && Number(value) <= 100)) return "A rating is a whole number from 0 to 100.";
  }
  if (filters.ratingMin !== "" && filters.ratingMax !== "" && Number(filters.ratingMin) > Number(filters.ratingMax)) return "The lowest rating is above the highest.";
  return "";
}

/** For the section's heading. @param {Choice} choice @param {KindInfo[]} kinds @param {Hello} hello */
export function filterSummary(choice, kinds, hello) {
  const words = filterWords(choice, kinds, hello);
  return words.length ? counted(words.length, "filter") : "no filter";
}
