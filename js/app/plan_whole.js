// A plan that has no single steps: a whole database in place of another one, or taking such a run back.

import { B, h, useEffect, useState } from "./host.js";
import { ask } from "./ask.js";
import { useCounts } from "./counts.js";
import { Section, ProblemBox, Title, Warn } from "./parts.js";
import { CopyFirst } from "./plan_write.js";
import { useWriting } from "./plan_writing.js";
import { count } from "./words.js";

/** On top of everything that is only a plan. @param {{children?: any}} props */
export function Stripe({ children }) {
  return h("div", { className: "sp-preview-stripe", role: "note" }, h("strong", null, "Preview. Nothing has been written."), children ? h("span", null, " ", children) : null);
}

/** What has no single steps: a whole database in place of another one, or taking such a run back. @param {{record: RunRecord, hello: Hello}} props */
export function WholePlan({ record, hello }) {
  const notes = record.notes || {};
  const undoing = record.verb === "rollback";
  const { busy, problem, write, unlock } = useWriting(record);
  const [refusal, setRefusal] = useState(/** @type {Record<string, any> | null} */ ({}));
  const words = undoing ? "Undo it" : "Put the backup's database in place";
  const more = refusal || {};
  const onWrite = () => (undoing ? write("rollback", { run: notes.undoes, ...more }, "Undo a restore") : write("restore", { ...record.config, dryRun: false, ...more }, words));
  return h(
    "div",
    null,
    h(Title, null, undoing ? "Plan: undo" : "Plan"),
    h(Stripe, null),
    h("p", { className: "sp-sentence mt-3" }, String(notes.sentence || "").replace(/^Preview; nothing has been written: ./, (found) => found.slice(-1).toUpperCase())),
    undoing ? null : h(NowAndThen, { source: String((record.config || {}).source || ""), hello }),
    (record.warnings || []).map((warning, index) => h(Warn, { key: index }, warning)),
    h("div", { className: "mt-4" }, h(CopyFirst, { onChange: setRefusal })),
    problem ? h(ProblemBox, { problem }) : null,
    unlock || h("div", { className: "sp-buttons" }, h(B.Button, { variant: undoing ? "danger" : "primary", size: "lg", disabled: busy || !refusal, onClick: onWrite }, busy ? "Starting…" : words))
  );
}

/** How many records there are now, and how many there will be. @param {{source: string, hello: Hello}} props */
function NowAndThen({ source, hello }) {
  const { counts } = useCounts();
  const [then, setThen] = useState(/** @type {Record<string, number> | null} */ (null));
  useEffect(() => {
    const mark = source.lastIndexOf("#");
    const vault = source.slice(0, Math.max(0, mark));
    let here = true;
    ask({ mode: "backups", ...(vault ? { vault } : {}) }).then(
      ({ backups }) => {
        const found = backups.find((/** @type {Backup} */ one) => one.id === source.slice(mark + 1));
        if (here && found) setThen(found.counts || null);
      },
      // Without the numbers the sentence still says what happens.
      () => undefined
    );
    return () => {
      here = false;
    };
  }, []);
  if (!counts || !then) return null;
  const kinds = hello.kinds.filter((kind) => typeof counts[kind.plural] === "number" && kind.plural in then);
  return h(
    Section,
    { title: "Before and after" },
    h(
      "div",
      { className: "sp-scroll" },
      h(
        "table",
        { className: "table table-sm mb-0" },
        h("thead", null, h("tr", null, h("th", { scope: "col" }, "Kind"), h("th", { scope: "col", className: "sp-number" }, "In this library now"), h("th", { scope: "col", className: "sp-number" }, "In the backup"))),
        h("tbody", null, kinds.map((kind) => h("tr", { key: kind.plural }, h("th", { scope: "row" }, kind.label), h("td", { className: "sp-number" }, count(counts[kind.plural] || 0)), h("td", { className: "sp-number" }, count(then[kind.plural])))))
      )
    )
  );
}
