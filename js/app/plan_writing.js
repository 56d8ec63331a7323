// Starting what writes: what opens the source is asked for first where it is locked.

import { h, useEffect, useHistory, useRef, useState } from "./host.js";
import { ask, problemOf } from "./ask.js";
import { Unlock } from "./backups_unlock.js";
import { begin } from "./restore_runs.js";

/** For the page of a plan. @param {RunRecord} record the run that made it */
export function useWriting(record) {
  const history = useHistory();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const [asking, setAsking] = useState(/** @type {{mode: string, config: Record<string, any>, words: string, key: string} | null} */ (null));
  const here = useRef(true);
  useEffect(() => {
    here.current = true;
    return () => {
      here.current = false;
    };
  }, []);
  /** @param {string} mode @param {Record<string, any>} config @param {string} words */
  const start = async (mode, config, words) => {
    setBusy(true);
    setProblem(null);
    try {
      const place = await begin(mode, config, words);
      if (here.current) history.push(place);
    } catch (error) {
      if (here.current) setProblem(problemOf(error));
    }
    if (here.current) setBusy(false);
  };
  /** @param {string} mode @param {Record<string, any>} config @param {string} words */
  const write = async (mode, config, words) => {
    const source = String((record.config && record.config.source) || "");
    const vault = source.slice(0, Math.max(0, source.lastIndexOf("#")));
    if (mode !== "rollback" && (vault || !source)) {
      setBusy(true);
      try {
        const listing = await ask({ mode: "backups", ...(vault ? { vault } : {}) });
        if (!here.current) return;
        setBusy(false);
        if (listing.encrypted) {
          setAsking({ mode, config, words, key: listing.key || "" });
          return;
        }
      } catch (error) {
        // What is wrong with the vault the run itself says best.
      }
    }
    await start(mode, config, words);
  };
  const unlock = asking ? h(Unlock, { words: asking.words, keyName: asking.key, carrying: false, onCancel: () => setAsking(null), onOpen: (/** @type {Record<string, any>} */ more) => start(asking.mode, { ...asking.config, ...more }, asking.words) }) : null;
  return { busy, problem, write, unlock };
}
