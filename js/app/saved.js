// Stash's saved filters, as its API takes them. The conversion is Stash's own: its class for filters is borrowed from a list that nobody sees.

import { C, client, gql, h, useEffect, useLists, useState } from "./host.js";
import { problemOf } from "./ask.js";
import { quoted } from "./words.js";

const SAVED = gql`
  query StashPortSavedFilters {
    findSavedFilters {
      id
      mode
      name
      find_filter {
        q
        page
        per_page
        sort
        direction
      }
      object_filter
      ui_options
    }
  }
`;

/** Stash's ListFilterModel, once somebody has needed it. @type {any} */
let Model = null;

/** Draws a list of Stash's, hidden, and takes its class. Gone again as soon as it has it. @param {{onModel: () => void}} props */
export function Borrow({ onModel }) {
  const loading = useLists();
  useEffect(() => {
    if (loading) return undefined;
    const timer = window.setInterval(() => Model && onModel(), 20);
    return () => window.clearInterval(timer);
  }, [loading, onModel]);
  if (loading || Model) return null;
  /** @param {any} filter */
  const take = (filter) => {
    Model = filter.constructor;
    filter.itemsPerPage = 0;
    return filter;
  };
  return h("div", { hidden: true, "aria-hidden": true }, h(C.TagList, { alterQuery: false, filterHook: take }));
}

/** @param {SavedFilter} saved @returns {{filter: Record<string, any>, q: string}} */
function convert(saved) {
  const model = new Model(saved.mode);
  model.configureFromSavedFilter(saved);
  return { filter: JSON.parse(JSON.stringify(model.makeFilter())), q: model.makeFindFilter().q || "" };
}

/** Saved filters of one kind, by name. @param {SavedFilter[]} saved @param {string} plural */
export const savedOf = (saved, plural) => saved.filter((one) => one.mode.toLowerCase() === plural).sort((a, b) => a.name.localeCompare(b.name));

/**
 * The saved filters of this Stash, read when they are wanted, and those that are chosen kept true to them.
 * @param {Choice} choice @param {(part: Partial<Choice>) => void} set @param {boolean} wanted
 */
export function useSaved(choice, set, wanted) {
  const [saved, setSaved] = useState(/** @type {SavedFilter[] | null} */ (null));
  const [ready, setReady] = useState(Boolean(Model));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const chosen = Object.values(choice.lists).some((list) => list.from === "saved");
  useEffect(() => {
    if (!(wanted || chosen) || saved) return undefined;
    let here = true;
    client()
      .query({ query: SAVED, fetchPolicy: "no-cache" })
      .then(
        ({ data }) => here && setSaved(data.findSavedFilters),
        (error) => here && setProblem(problemOf(error))
      );
    return () => {
      here = false;
    };
  }, [wanted || chosen]);

  /** @param {string} plural @param {SavedFilter} one @returns {ListChoice | null} */
  const read = (plural, one) => {
    try {
      const { filter, q } = convert(one);
      return { from: "saved", name: one.name, filter, ids: null, ...(q ? { q } : {}) };
    } catch (error) {
      setProblem({ error: "SavedFilter", message: `The saved filter ${quoted(one.name)} of ${plural} could not be read.`, hint: `Open it in Stash and save it anew. (${problemOf(error).message})` });
      return null;
    }
  };

  // What was chosen at an earlier visit, or came with a preset: as the saved filter is today.
  useEffect(() => {
    if (!saved || !ready || !chosen) return;
    const lists = { ...choice.lists };
    for (const [plural, list] of Object.entries(lists)) {
      if (list.from !== "saved") continue;
      const one = savedOf(saved, plural).find((other) => other.name === list.name);
      lists[plural] = (one && read(plural, one)) || (one ? { ...list, filter: null, unreadable: true } : { ...list, gone: true });
    }
    if (JSON.stringify(lists) !== JSON.stringify(choice.lists)) set({ lists });
  }, [saved, ready, JSON.stringify(choice.lists)]);

  /** @param {string} plural @param {string} name "": none */
  const choose = (plural, name) => {
    setProblem(null);
    const lists = { ...choice.lists };
    delete lists[plural];
    if (name) lists[plural] = { from: "saved", name, filter: null, ids: null };
    set({ lists });
  };

  const element = chosen && !ready ? h(Borrow, { onModel: () => setReady(true) }) : null;
  return { saved, problem, choose, element };
}
