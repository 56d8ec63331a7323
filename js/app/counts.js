// What the library holds right now, asked of Stash directly by the browser: the numbers beside the kinds, before anything is started.

import { client, gql, useEffect, useRef, useState } from "./host.js";
import { ask, problemOf } from "./ask.js";
import { chosenKinds } from "./choice.js";
import { toCount } from "./config.js";
import { filterProblem, isFiltered, listsOf, named } from "./filters.js";

const MAIN = gql`
  query StashPortCounts {
    tags: findTags(filter: { per_page: 0 }) { count }
    studios: findStudios(filter: { per_page: 0 }) { count }
    performers: findPerformers(filter: { per_page: 0 }) { count }
    groups: findGroups(filter: { per_page: 0 }) { count }
    scenes: findScenes(filter: { per_page: 0 }) { count }
    images: findImages(filter: { per_page: 0 }) { count }
    galleries: findGalleries(filter: { per_page: 0 }) { count }
    files: findFiles(filter: { per_page: 0 }) { count }
    folders: findFolders(filter: { per_page: 0 }) { count }
    saved_filters: findSavedFilters { id }
  }
`;
// Stash before 0.29 cannot count files and folders.
const OLD = gql`
  query StashPortCountsOld {
    tags: findTags(filter: { per_page: 0 }) { count }
    studios: findStudios(filter: { per_page: 0 }) { count }
    performers: findPerformers(filter: { per_page: 0 }) { count }
    scenes: findScenes(filter: { per_page: 0 }) { count }
    images: findImages(filter: { per_page: 0 }) { count }
    galleries: findGalleries(filter: { per_page: 0 }) { count }
    saved_filters: findSavedFilters { id }
  }
`;

/** @returns {Promise<Counts>} */
async function read() {
  const options = { fetchPolicy: "no-cache" };
  let data;
  try {
    ({ data } = await client().query({ query: MAIN, ...options }));
  } catch (error) {
    ({ data } = await client().query({ query: OLD, ...options }));
  }
  /** @type {Counts} */
  const counts = {};
  for (const [plural, answer] of Object.entries(data)) counts[plural] = Array.isArray(answer) ? answer.length : answer.count;
  return counts;
}

/** Refreshed when the window is looked at again. @returns {{counts: Counts | null, failed: boolean}} null as long as it is not known */
export function useCounts() {
  const [counts, setCounts] = useState(/** @type {Counts | null} */ (null));
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let here = true;
    let last = 0;
    const refresh = () => {
      if (document.visibilityState !== "visible" || Date.now() - last < 5000) return;
      last = Date.now();
      read().then(
        (found) => {
          if (!here) return;
          setCounts(found);
          setFailed(false);
        },
        () => here && setFailed(true)
      );
    };
    refresh();
    document.addEventListener("visibilitychange", refresh);
    window.addEventListener("focus", refresh);
    return () => {
      here = false;
      document.removeEventListener("visibilitychange", refresh);
      window.removeEventListener("focus", refresh);
    };
  }, []);
  return { counts, failed };
}

/** Kinds that Stash filters: plural -> query, argument, its type. @type {Record<string, [string, string, string]>} */
const FILTERED = {
  tags: ["findTags", "tag_filter", "TagFilterType"],
  studios: ["findStudios", "studio_filter", "StudioFilterType"],
  performers: ["findPerformers", "performer_filter", "PerformerFilterType"],
  groups: ["findGroups", "group_filter", "GroupFilterType"],
  scenes: ["findScenes", "scene_filter", "SceneFilterType"],
  images: ["findImages", "image_filter", "ImageFilterType"],
  galleries: ["findGalleries", "gallery_filter", "GalleryFilterType"],
};

/** Asks Stash itself how many records its own filters leave. @param {[string, Record<string, any>, string][]} filters plural, filter, words of its search box @returns {Promise<Counts>} */
async function countLists(filters) {
  const known = filters.filter(([plural]) => FILTERED[plural]);
  if (!known.length) return {};
  const types = known.map(([plural]) => `$${plural}: ${FILTERED[plural][2]}, $${plural}_find: FindFilterType`).join(", ");
  const fields = known.map(([plural]) => `${plural}: ${FILTERED[plural][0]}(filter: $${plural}_find, ${FILTERED[plural][1]}: $${plural}) { count }`).join("\n");
  const { data } = await client().query({
    query: gql(`query StashPortFiltered(${types}) { ${fields} }`),
    variables: Object.fromEntries(known.flatMap(([plural, filter, q]) => [[plural, filter], [`${plural}_find`, { per_page: 0, q }]])),
    fetchPolicy: "no-cache",
  });
  return Object.fromEntries(known.map(([plural]) => [plural, data[plural].count]));
}

/**
 * What the filters leave. Stash's own lists are asked of Stash, everything else of the back end: a little after the last change, one question at a time.
 * @param {Choice} choice @param {Hello} hello @param {Counts | null} library
 * @returns {{counts: Counts | null, problem: Problem | null, stays: string[]}} `counts`: null where it is being counted; `stays`: kinds of which privacy lets nothing leave
 */
export function useChosenCounts(choice, hello, library) {
  const kinds = chosenKinds(choice, hello);
  const changed = isFiltered(choice, kinds) || choice.privacy !== "full" || choice.excludePersonalData;
  const asking = changed && kinds.length > 0 && !filterProblem(choice, kinds);
  const question = asking ? JSON.stringify(toCount(choice, hello)) : "";
  const [found, setFound] = useState(/** @type {{question: string, counts: Counts, native: boolean, problem: Problem | null}} */ ({ question: "", counts: {}, native: true, problem: null }));
  const running = useRef(/** @type {Promise<any>} */ (Promise.resolve()));
  useEffect(() => {
    if (!question) return undefined;
    let here = true;
    const lists = listsOf(choice, kinds);
    const { text, ...others } = named(choice.filters, kinds);
    const native = choice.privacy === "full" && !choice.excludePersonalData && !Object.keys(others).length && (!text || lists.length === kinds.length) && lists.every(([kind, list]) => list.filter ? FILTERED[kind.plural] && !(text && list.q) : !text && !list.q);
    const read = async () => {
      await running.current;
      if (!here) return;
      const answer = native
        ? countLists(lists.flatMap(([kind, list]) => (list.filter ? [[kind.plural, list.filter, list.q || text || ""]] : []))).then((counts) => ({
            ...Object.fromEntries(lists.flatMap(([kind, list]) => (list.ids ? [[kind.plural, list.ids.length]] : []))),
            ...counts,
          }))
        : ask({ mode: "count", config: JSON.parse(question) }).then((one) => one.counts);
      running.current = answer.then(
        (counts) => here && setFound({ question, counts, native, problem: null }),
        (error) => here && setFound({ question, counts: {}, native, problem: problemOf(error) })
      );
    };
    const timer = window.setTimeout(read, native ? 50 : 500);
    return () => {
      here = false;
      window.clearTimeout(timer);
    };
  }, [question]);
  if (!changed) return { counts: library, problem: null, stays: [] };
  if (found.question !== question || found.problem || !library) return { counts: null, problem: found.question === question ? found.problem : null, stays: [] };
  const stays = found.native ? [] : kinds.map((kind) => kind.plural).filter((plural) => !(plural in found.counts));
  return { counts: { ...library, ...found.counts, ...Object.fromEntries(stays.map((plural) => [plural, 0])) }, problem: null, stays };
}
