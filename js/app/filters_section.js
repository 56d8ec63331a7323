// Which records of the ticked kinds: Stash's saved filters and its own pickers, days, ratings, and fields that have a value or none.

import { B, C, Fragment, Select, h, useState } from "./host.js";
import { chosenKinds } from "./choice.js";
import { BELOW, DAYS, PICKED_KINDS, fieldLabel, filterSummary, isFiltered, noFilters } from "./filters.js";
import { FoldSection, Input, Labelled, ProblemBox } from "./parts.js";
import { savedOf, useSaved } from "./saved.js";
import { count, quoted } from "./words.js";

/** @typedef {import("./kinds.js").Props} Props */

/** @type {Record<PickedKind, [string, string, string]>} component, label, switch below it */
const PICKERS = {
  tags: ["TagSelect", "Tags", "Sub-tags count as well"],
  performers: ["PerformerSelect", "Performers", ""],
  studios: ["StudioSelect", "Studios", "Studios below count as well"],
  groups: ["GroupSelect", "Groups", "Groups inside count as well"],
  galleries: ["GallerySelect", "Galleries", ""],
};

/** @param {Props & {problem: Problem | null}} props `problem`: why the filters could not be counted */
export function FiltersSection({ choice, set, hello, problem }) {
  const kinds = chosenKinds(choice, hello);
  const active = isFiltered(choice, kinds);
  // What came from one of Stash's lists the page has said above.
  const [open, setOpen] = useState(active && !Object.values(choice.lists).some((list) => list.from === "list"));
  const native = useSaved(choice, set, open);
  return h(
    FoldSection,
    {
      id: "sp-filters",
      title: "Filters",
      summary: filterSummary(choice, kinds, hello),
      open,
      onToggle: () => setOpen(!open),
      // Outside of what folds away: nobody should miss why the numbers are missing.
      always: [native.element, native.problem ? h(ProblemBox, { key: "saved", problem: native.problem }) : null, problem ? h(ProblemBox, { key: "count", problem }) : null],
    },
    h(FilterFields, { choice, set, hello, native })
  );
}

/**
 * All filters, for whichever page draws them.
 * @param {{choice: Choice, set: (part: Partial<Choice>) => void, hello: Hello, native?: ReturnType<typeof useSaved>}} props `native`: the saved filters, whose own `element` the page draws as well; without it there are none
 */
export function FilterFields({ choice, set, hello, native }) {
  const kinds = chosenKinds(choice, hello);
  /** @param {Partial<Filters>} part */
  const change = (part) => set({ filters: { ...choice.filters, ...part } });
  return h(
    Fragment,
    null,
    native ? h(Lists, { choice, set, kinds, native }) : null,
    h(
      "div",
      { className: "sp-block sp-filter-grid" },
      PICKED_KINDS.map((plural) => h(Picker, { key: plural, plural, choice, change })),
      h(Input, { id: "sp-filter-text", label: "Text", help: "As in Stash's own search box, for every kind that is ticked.", value: choice.filters.text, onChange: (text) => change({ text }) })
    ),
    h(
      "div",
      { className: "sp-block sp-filter-grid" },
      DAYS.map(([name, , first, last]) =>
        h(Range, { key: first, name, type: "date", first: choice.filters[first], last: choice.filters[last], id: `sp-filter-${first}`, onChange: (a, b) => change({ [first]: a, [last]: b }) })
      ),
      h(Range, { name: "Rating", type: "number", help: "0 to 100: a star is 20.", first: choice.filters.ratingMin, last: choice.filters.ratingMax, id: "sp-filter-rating", onChange: (ratingMin, ratingMax) => change({ ratingMin, ratingMax }) }),
      h(Either, { id: "sp-filter-organized", label: "Organized", yes: "Only organized", no: "Only not organized", value: choice.filters.organized, onChange: (organized) => change({ organized }) }),
      h(Either, { id: "sp-filter-favorite", label: "Favourites", yes: "Only favourites", no: "Only others", value: choice.filters.favorite, onChange: (favorite) => change({ favorite }) })
    ),
    h(
      "div",
      { className: "sp-block sp-filter-grid" },
      h(FieldSelect, { id: "sp-filter-has", label: "Has a value in", kinds, hello, value: choice.filters.has, onChange: (has) => change({ has }) }),
      h(FieldSelect, { id: "sp-filter-misses", label: "Has no value in", kinds, hello, value: choice.filters.misses, onChange: (misses) => change({ misses }) })
    ),
    h(
      "div",
      { className: "sp-block" },
      h("p", { className: "sub-heading" }, "A record is taken when it matches all that is set here. What a kind does not have does not narrow it.", native ? " The numbers above show what is left." : ""),
      h(B.Button, { variant: "secondary", size: "sm", disabled: !isFiltered(choice, kinds), onClick: () => set({ filters: noFilters(), lists: {} }) }, "Clear all filters")
    )
  );
}

/** Saved filters, and what came from one of Stash's lists. @param {{choice: Choice, set: (part: Partial<Choice>) => void, kinds: KindInfo[], native: ReturnType<typeof useSaved>}} props */
function Lists({ choice, set, kinds, native }) {
  if (!native.saved) return h("div", { className: "sp-block" }, h("h3", null, "Saved filters"), h("p", { className: "sub-heading mb-0" }, native.problem ? "They could not be read." : "Reading them…"));
  const saved = native.saved;
  const rows = kinds.filter((kind) => savedOf(saved, kind.plural).length || choice.lists[kind.plural]);
  /** @param {string} plural */
  const remove = (plural) => {
    const lists = { ...choice.lists };
    delete lists[plural];
    set({ lists });
  };
  return h(
    "div",
    { className: "sp-block" },
    h("h3", null, "Saved filters"),
    rows.length
      ? h(
          "div",
          { className: "sp-filter-grid" },
          rows.map((kind) => {
            const list = choice.lists[kind.plural];
            const id = `sp-saved-${kind.plural}`;
            if (list && list.from !== "saved") {
              return h(
                "div",
                { key: kind.name, className: "sp-field" },
                h("div", { className: "sp-label" }, kind.label),
                h("p", { className: "mb-1" }, list.ids ? `${count(list.ids.length)} ticked in the list.` : list.name || "A filter of Stash's own."),
                h(B.Button, { variant: "secondary", size: "sm", onClick: () => remove(kind.plural) }, `All ${kind.label.toLowerCase()} instead`)
              );
            }
            const names = savedOf(saved, kind.plural).map((one) => one.name);
            return h(
              Labelled,
              { key: kind.name, id, label: kind.label },
              h(
                B.Form.Control,
                { as: "select", id, className: "input-control", value: list ? list.name : "", onChange: (/** @type {any} */ event) => native.choose(kind.plural, event.currentTarget.value) },
                h("option", { value: "" }, "None"),
                list && !names.includes(list.name) ? h("option", { value: list.name }, `${list.name} (gone)`) : null,
                names.map((name) => h("option", { key: name, value: name }, name))
              ),
              list && list.q ? h("div", { className: "sub-heading" }, `With its text ${quoted(list.q)}, for ${kind.label.toLowerCase()} alone.`) : null
            );
          })
        )
      : h("p", { className: "sub-heading mb-0" }, kinds.length ? "Stash has none for the kinds ticked above." : "No kind is ticked.")
  );
}

/** Stash's own picker, never making anything new. @param {{plural: PickedKind, choice: Choice, change: (part: Partial<Filters>) => void}} props */
function Picker({ plural, choice, change }) {
  const [component, label, below] = PICKERS[plural];
  const key = BELOW[plural];
  const id = `sp-filter-${plural}`;
  const chosen = choice.filters[plural];
  /** @param {any} item */
  const nameOf = (item) => item.name || item.title || ((item.files && item.files[0] && item.files[0].path) || (item.folder && item.folder.path) || `${plural} ${item.id}`).split(/[\\/]/).pop();
  return h(
    Labelled,
    { id, label },
    h(C[component], {
      inputId: id,
      values: chosen.map((one) => ({ ...one, title: one.name, files: [], aliases: [], alias_list: [] })),
      isMulti: true,
      creatable: false,
      noSelectionString: "Any",
      menuPortalTarget: document.body,
      onSelect: (/** @type {any[]} */ items) => change({ [plural]: items.map((item) => ({ id: String(item.id), name: nameOf(item) })) }),
    }),
    // A record has one studio: of several it can only be any.
    chosen.length > 1 && plural !== "studios"
      ? h(
          B.Form.Control,
          { as: "select", id: `${id}-mode`, className: "input-control mt-1", "aria-label": `${label}: how many of them`, value: choice.filters.modes[plural], onChange: (/** @type {any} */ event) => change({ modes: { ...choice.filters.modes, [plural]: event.currentTarget.value } }) },
          h("option", { value: "all" }, "All of them"),
          h("option", { value: "any" }, "Any of them")
        )
      : null,
    key && chosen.length
      ? h(B.Form.Switch, { id: `${id}-below`, className: "mt-1", label: below, checked: choice.filters[key], onChange: (/** @type {any} */ event) => change({ [key]: event.currentTarget.checked }) })
      : null
  );
}

/** Two ends of which either may be open. @param {{id: string, name: string, type: string, help?: string, first: string, last: string, onChange: (first: string, last: string) => void}} props */
function Range({ id, name, type, help, first, last, onChange }) {
  const [low, high] = type === "date" ? ["From", "Until"] : ["Lowest", "Highest"];
  /** @param {string} which @param {string} label @param {string} value @param {(value: string) => void} write */
  const end = (which, label, value, write) =>
    h(
      "div",
      null,
      h("label", { htmlFor: `${id}-${which}`, className: "sp-small mb-0" }, label, h("span", { className: "sr-only" }, `, ${name.toLowerCase()}`)),
      h(B.Form.Control, { id: `${id}-${which}`, type, className: "text-input", value, ...(type === "number" ? { min: 0, max: 100, inputMode: "numeric" } : {}), onChange: (/** @type {any} */ event) => write(event.currentTarget.value) })
    );
  return h(
    "fieldset",
    { className: "sp-field" },
    h("legend", { className: "sp-label" }, name),
    h("div", { className: "sp-range" }, end("first", low, first, (value) => onChange(value, last)), end("last", high, last, (value) => onChange(first, value))),
    help ? h("div", { className: "sub-heading" }, help) : null
  );
}

/** @param {{id: string, label: string, yes: string, no: string, value: YesNo, onChange: (value: YesNo) => void}} props */
function Either({ id, label, yes, no, value, onChange }) {
  return h(
    Labelled,
    { id, label },
    h(
      B.Form.Control,
      { as: "select", id, className: "input-control", value, onChange: (/** @type {any} */ event) => onChange(event.currentTarget.value) },
      h("option", { value: "" }, "It does not matter"),
      h("option", { value: "yes" }, yes),
      h("option", { value: "no" }, no)
    )
  );
}

/** Fields of the ticked kinds. @param {{id: string, label: string, placeholder?: string, takes?: (field: FieldInfo) => boolean, kinds: KindInfo[], hello: Hello, value: string[], onChange: (value: string[]) => void}} props `takes`: which of them; without it, those that can be empty */
export function FieldSelect({ id, label, placeholder = "Any", takes = (field) => field.type !== "bool", kinds, hello, value, onChange }) {
  const groups = kinds.filter((kind) => kind.fields.some(takes)).map((kind) => ({ label: kind.label, options: kind.fields.filter(takes).map((field) => ({ value: `${kind.plural}.${field.name}`, label: field.label, kind: kind.label })) }));
  const all = groups.flatMap((group) => group.options);
  return h(
    Labelled,
    { id, label },
    h(Select, {
      inputId: id,
      className: "react-select",
      classNamePrefix: "react-select",
      isMulti: true,
      options: groups,
      placeholder,
      menuPortalTarget: document.body,
      value: value.map((one) => all.find((option) => option.value === one) || { value: one, label: fieldLabel(one, hello), kind: "" }),
      formatOptionLabel: (/** @type {any} */ option, /** @type {any} */ { context }) => (context === "value" && option.kind ? `${option.kind}: ${option.label}` : option.label),
      getOptionLabel: (/** @type {any} */ option) => `${option.kind} ${option.label}`,
      onChange: (/** @type {any[] | null} */ chosen) => onChange((chosen || []).map((one) => one.value)),
    })
  );
}
