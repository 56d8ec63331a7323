// What the library holds right now, asked of Stash directly by the browser: the numbers beside the kinds, before anything is started.

import { client, gql, useEffect, useState } from "./host.js";

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
