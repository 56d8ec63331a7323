// A part of the library, as a backup of it is asked for: kinds, filters and what the records refer to, all as on the export page.

import { B, Fragment, h, useEffect, useState } from "./host.js";
import { canRelate, chosenKinds, defaults, total } from "./choice.js";
import { useChosenCounts, useCounts } from "./counts.js";
import { filterProblem, filterSummary, filterWords, filtersConfig } from "./filters.js";
import { FilterFields } from "./filters_section.js";
import { RelatedRow } from "./kinds.js";
import { Fold, ProblemBox } from "./parts.js";
import { useSaved } from "./saved.js";
import { count, counted, listed } from "./words.js";

const PROPOSED = ["scenes", "performers", "tags", "studios"];

/** @param {Hello} hello @returns {Choice} */
export const proposedPart = (hello) => ({ ...defaults(hello), without: hello.kinds.map((kind) => kind.plural).filter((plural) => !PROPOSED.includes(plural)) });

/** As the back end takes it. @param {Choice} choice @param {Hello} hello @returns {Record<string, any>} */
export function partConfig(choice, hello) {
  const kinds = chosenKinds(choice, hello);
  const filters = filtersConfig(choice, kinds);
  return {
    kinds: kinds.map((kind) => kind.plural),
    ...(Object.keys(filters).length ? { filters } : {}),
    ...(choice.related !== "none" && canRelate(choice, hello) ? { related: choice.related } : {}),
  };
}

/** "Back up tags and scenes, only those with the tag “A”, with their images." @param {Choice} choice @param {Hello} hello @param {number | null} sum records, where they were counted */
export function partSentence(choice, hello, sum) {
  const kinds = chosenKinds(choice, hello);
  const names = listed(kinds.map((kind) => kind.label.toLowerCase()));
  const words = filterWords(choice, kinds, hello);
  const parts = [names || "nothing yet", ...(words.length ? [`only those ${listed(words)}`] : []), ...(choice.related === "none" || !canRelate(choice, hello) ? [] : [choice.related === "all" ? "with everything they lead to" : "with what they refer to"]), "with their images"];
  return `Back up ${parts.join(", ")}${sum === null || !kinds.length ? "" : ` (${counted(sum, "record")} chosen)`}. Your media files are not part of it.`;
}

/** Why it cannot be started, or "". @param {Choice} choice @param {Hello} hello */
export function partProblem(choice, hello) {
  const kinds = chosenKinds(choice, hello);
  return kinds.length ? filterProblem(choice, kinds) : "Tick at least one kind.";
}

/** @param {{choice: Choice, set: (part: Partial<Choice>) => void, hello: Hello, onCounted: (sum: number | null) => void}} props */
export function PartFields({ choice, set, hello, onCounted }) {
  const [open, setOpen] = useState(false);
  const { counts: library } = useCounts();
  const { counts, problem } = useChosenCounts(choice, hello, library);
  const native = useSaved(choice, set, open);
  const sum = total(choice, hello, counts);
  useEffect(() => onCounted(sum), [sum]);
  return h(PartForm, { choice, set, hello, counts, problem, native, open, onToggle: () => setOpen(!open) });
}

/**
 * Kinds and filters, whoever counts them.
 * @param {{choice: Choice, set: (part: Partial<Choice>) => void, hello: Hello, counts: Counts | null, problem?: Problem | null, native?: ReturnType<typeof useSaved>, open: boolean, onToggle: () => void}} props
 * `native`: Stash's saved filters, where the records are its own; `open`: whether the filters are
 */
export function PartForm({ choice, set, hello, counts, problem, native, open, onToggle }) {
  /** @param {string} plural */
  const number = (plural) => (counts && typeof counts[plural] === "number" && !choice.without.includes(plural) ? ` (${count(/** @type {number} */ (counts[plural]))})` : "");
  return h(
    Fragment,
    null,
    h(
      "div",
      { className: "sp-block" },
      h(
        "fieldset",
        { className: "sp-field-grid sp-field" },
        h("legend", { className: "sr-only" }, "Kinds of records"),
        hello.kinds.map((kind) =>
          h(B.Form.Check, {
            key: kind.plural,
            custom: true,
            type: "checkbox",
            id: `sp-backup-kind-${kind.plural}`,
            label: `${kind.label}${number(kind.plural)}`,
            checked: !choice.without.includes(kind.plural),
            onChange: (/** @type {any} */ event) => set({ without: event.currentTarget.checked ? choice.without.filter((one) => one !== kind.plural) : [...choice.without, kind.plural] }),
          })
        )
      )
    ),
    h(SomeOfThem, { choice, set, hello, problem, native, open, onToggle }),
    h(RelatedRow, { choice, set, hello })
  );
}

/** @param {{choice: Choice, set: (part: Partial<Choice>) => void, hello: Hello, problem?: Problem | null, native?: ReturnType<typeof useSaved>, open: boolean, onToggle: () => void}} props */
export function SomeOfThem({ choice, set, hello, problem, native, open, onToggle }) {
  return h(
    "div",
    { className: "sp-block" },
    h("h3", { className: "mb-0" }, h(Fold, { id: "sp-backup-filters", label: "Only some of these records", open, onToggle, className: "pl-0" }), h("span", { className: "text-muted sp-small ml-2" }, filterSummary(choice, chosenKinds(choice, hello), hello))),
    native ? native.element : null,
    native && native.problem ? h(ProblemBox, { problem: native.problem }) : null,
    problem ? h(ProblemBox, { problem }) : null,
    h(B.Collapse, { in: open, mountOnEnter: true }, h("div", { id: "sp-backup-filters", className: "sp-flush" }, h(FilterFields, { choice, set, hello, native })))
  );
}
