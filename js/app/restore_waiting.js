// What waits for its files: how much, where the files were, and what can be done about it.

import { B, HOME, Icon, Link, h, icons, useEffect, useHistory, useState } from "./host.js";
import { ask } from "./ask.js";
import { useGuarded } from "./guarded.js";
import { ProblemBox, Section } from "./parts.js";
import { begin, targetOf } from "./restore_runs.js";
import { capital, counted } from "./words.js";

/** The folder that most paths are in. @param {string[]} paths */
export function commonFolder(paths) {
  const parts = paths.map((path) => path.split(/(?<=[\\/])/).slice(0, -1));
  if (!parts.length) return "";
  let length = 0;
  while (length < Math.min(...parts.map((one) => one.length)) && parts.every((one) => one[length] === parts[0][length])) length += 1;
  return parts[0].slice(0, length).join("").replace(/(?<=.)[\\/]$/, "");
}

/** @param {{record: RunRecord, plan: PlanFacts, hello: Hello}} props */
export function Waiting({ record, plan }) {
  const history = useHistory();
  const { busy, problem, guarded } = useGuarded();
  const [found, setFolder] = useState("");
  const folder = (plan.folders || [])[0] || found;
  const number = plan.waiting;
  const written = !(record.config || {}).dryRun;
  useEffect(() => {
    if (!number || plan.folders) return undefined;
    let here = true;
    ask({ mode: "plan", run: record.run, action: "deferred", most: 200 }).then(
      ({ steps }) => here && setFolder(commonFolder(steps.map((/** @type {PlanStep} */ step) => String(step.name)).filter((/** @type {string} */ name) => /^([A-Za-z]:[\\/]|\\\\|\/)/.test(name)))),
      () => undefined
    );
    return () => {
      here = false;
    };
  }, [record.run, number]);
  if (!number || record.verb === "rollback") return null;
  const config = { ...record.config, dryRun: true, decisions: {}, paths: [...((record.config || {}).paths || []), ...(folder ? [`${folder}=`] : [])] };
  const anew = () => guarded(async () => history.push(await begin("restore", { ...record.config, dryRun: true }, "Making the plan anew, nothing is written")));
  const again = () => guarded(async () => history.push(await begin("waiting", { run: record.run, dryRun: true }, `Looking again at what waits for its files in ${targetOf(record)}`)));
  return h(
    Section,
    { title: capital(`${counted(number, "record")} without a file here`) },
    h(
      "div",
      { className: "sp-block" },
      h("p", null, h(Icon, { icon: icons.faHourglassHalf, className: "text-info mr-2" }), "Stash has not scanned their files, so nothing can be written to them yet. ", folder ? ["Their paths begin with ", h("code", { key: "path" }, folder), ". "] : "", "If the files are here under another path, say so with a path rule; if they are not scanned yet, scan them first."),
      problem ? h(ProblemBox, { problem }) : null,
      h(
        "div",
        { className: "sp-buttons mt-2" },
        h(Link, { to: { pathname: `${HOME}/restore`, state: { config } }, className: "btn btn-secondary" }, "Add a path rule"),
        h(B.Button, { variant: "secondary", disabled: busy, onClick: written ? again : anew }, busy ? "Starting…" : written ? "Look again after a scan" : "Make the plan anew after a scan")
      )
    )
  );
}
