// One action at a time, and what went wrong with it.

import { useEffect, useRef, useState } from "./host.js";
import { problemOf } from "./ask.js";

/**
 * For a part of a page that asks the back end for something.
 * @returns {{busy: boolean, problem: Problem | null, setProblem: (problem: Problem | null) => void, guarded: (action: () => Promise<any>) => Promise<void>, here: {current: boolean}}}
 * `guarded` runs an action and keeps its failure; `here`: whether the part is still shown
 */
export function useGuarded() {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const here = useRef(true);
  useEffect(() => {
    here.current = true;
    return () => {
      here.current = false;
    };
  }, []);
  /** @param {() => Promise<any>} action */
  const guarded = async (action) => {
    setBusy(true);
    setProblem(null);
    try {
      await action();
    } catch (error) {
      if (here.current) setProblem(problemOf(error));
    }
    if (here.current) setBusy(false);
  };
  return { busy, problem, setProblem, guarded, here };
}
