// What the file tells about the library's owner, and three records as they would leave.

import { B, Fragment, Icon, Select, h, icons, useEffect, useRef, useState } from "./host.js";
import { ask, problemOf } from "./ask.js";
import { chosenKinds } from "./choice.js";
import { toPreview } from "./config.js";
import { filterProblem } from "./filters.js";
import { Choices, Fold, FoldSection, Labelled, ProblemBox, SwitchRow } from "./parts.js";
import { capital, count, counted } from "./words.js";

/** @typedef {import("./kinds.js").Props} Props */

/** @type {Record<Privacy, string>} */
const SUMMARY = { full: "everything", share: "safe to share", anonymous: "anonymous" };

/** What is set, for the section's heading. @param {Choice} choice */
function summary(choice) {
  const less = (choice.excludePersonalData && choice.privacy === "full") || choice.excludeFields.length;
  return `${SUMMARY[choice.privacy]}${less ? ", and less" : ""}${choice.privacy === "share" && (choice.keepPaths || choice.keepIdentifying) ? ", with exceptions" : ""}`;
}

/** @param {Props & {problem: Problem | null}} props `problem`: why it could not be counted what is left */
export function PrivacySection({ choice, set, hello, problem }) {
  const fine = choice.excludePersonalData || choice.keepPaths || choice.keepIdentifying || choice.excludeFields.length > 0;
  const [open, setOpen] = useState(choice.privacy !== "full" || fine);
  const [more, setMore] = useState(fine);
  const { privacy } = choice;
  const personal = privacy !== "full" || choice.excludePersonalData;
  return h(
    FoldSection,
    { id: "sp-privacy", title: "Privacy", summary: summary(choice), open, onToggle: () => setOpen(!open), always: problem ? h(ProblemBox, { problem }) : null },
    h(
      "div",
      { className: "sp-block" },
      h(Choices, {
        name: "sp-profile",
        legend: "Privacy",
        value: privacy,
        onChange: (one) => set({ privacy: /** @type {Privacy} */ (one) }),
        options: [
          { value: "full", label: "Everything", help: "Each field as it is, but for secrets. For yourself: to keep, to move, to work with." },
          { value: "share", label: "Safe to share", help: "Titles, names, texts, tags and what belongs to what. Your ratings, favourites, histories, settings, folders and paths stay here; secrets and addresses inside of texts are replaced." },
          { value: "anonymous", label: "Anonymous", help: "Only the shape of the library: every text is replaced by an invented one, the same always by the same, and dates become years. No pictures, no ratings, no paths." },
        ],
      })
    ),
    h(
      "div",
      { className: "sp-block" },
      h("h3", { className: "mb-0" }, h(Fold, { id: "sp-privacy-more", label: "More", open: more, onToggle: () => setMore(!more), className: "pl-0", describe: "More about privacy" })),
      h(
        "div",
        { id: "sp-privacy-more", hidden: !more },
        h(SwitchRow, {
          id: "sp-personal",
          name: "Leave out what is personal",
          help: privacy === "full" ? "Ratings, favourites, histories, your own fields, settings and saved filters; paths too." : "The choice above does this already.",
          checked: personal,
          disabled: privacy !== "full",
          onChange: (excludePersonalData) => set({ excludePersonalData }),
        }),
        h(SwitchRow, {
          id: "sp-anonymize",
          name: "Replace names",
          help: "By invented ones. The same as choosing Anonymous above.",
          checked: privacy === "anonymous",
          onChange: (on) => set({ privacy: on ? "anonymous" : "share" }),
        }),
        h(SwitchRow, {
          id: "sp-keep-paths",
          name: "Let paths leave",
          help: privacy === "anonymous" ? "Never with Anonymous." : personal ? "Folders and names of files." : "They do already.",
          checked: !personal || (choice.keepPaths && privacy !== "anonymous"),
          disabled: !personal || privacy === "anonymous",
          onChange: (keepPaths) => set({ keepPaths }),
        }),
        h(SwitchRow, {
          id: "sp-keep-identifying",
          name: "Let what identifies leave",
          help: privacy === "anonymous" ? "Never with Anonymous." : privacy === "share" ? "Stash-box ids, checksums and pictures: by them others recognise the same thing at once." : "It does already.",
          checked: privacy === "full" || (choice.keepIdentifying && privacy === "share"),
          disabled: privacy !== "share",
          onChange: (keepIdentifying) => set({ keepIdentifying }),
        }),
        more ? h("div", { className: "sp-block" }, h(LeftOut, { choice, set, hello })) : null
      )
    ),
    h(Preview, { choice, hello })
  );
}

/** Fields by name, whatever the kind. @param {{choice: Choice, set: (part: Partial<Choice>) => void, hello: Hello}} props */
function LeftOut({ choice, set, hello }) {
  /** @type {Map<string, {value: string, label: string, kinds: string[]}>} */
  const fields = new Map();
  for (const kind of hello.kinds) {
    for (const field of kind.fields) {
      const known = fields.get(field.name) || { value: field.name, label: field.label, kinds: [] };
      known.kinds.push(kind.label.toLowerCase());
      fields.set(field.name, known);
    }
  }
  const options = [...fields.values()].sort((a, b) => a.label.localeCompare(b.label));
  return h(
    Labelled,
    { id: "sp-exclude", label: "Fields to leave out of every kind" },
    h(Select, {
      inputId: "sp-exclude",
      className: "react-select",
      classNamePrefix: "react-select",
      isMulti: true,
      options,
      placeholder: "None",
      menuPortalTarget: document.body,
      value: choice.excludeFields.map((name) => fields.get(name) || { value: name, label: name, kinds: [] }),
      formatOptionLabel: (/** @type {any} */ option, /** @type {any} */ { context }) =>
        context === "value" ? option.label : h(Fragment, null, option.label, " ", h("span", { className: "text-muted sp-small" }, option.kinds.length > 3 ? counted(option.kinds.length, "kind") : option.kinds.join(", "))),
      onChange: (/** @type {any[] | null} */ chosen) => set({ excludeFields: (chosen || []).map((one) => one.value) }),
    })
  );
}

/** Three records as they are and as they would leave. @param {{choice: Choice, hello: Hello}} props */
function Preview({ choice, hello }) {
  const [shown, setShown] = useState(/** @type {{question: string, records: PreviewRecord[], notes: string[]} | null} */ (null));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const [busy, setBusy] = useState(false);
  const here = useRef(true);
  useEffect(() => {
    here.current = true;
    return () => {
      here.current = false;
    };
  }, []);
  const kinds = chosenKinds(choice, hello);
  const question = JSON.stringify(toPreview(choice, hello));
  const stale = shown && shown.question !== question;
  const show = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const answer = await ask({ mode: "preview", config: JSON.parse(question), limit: 3 });
      if (here.current) setShown({ question, records: answer.records, notes: answer.notes || [] });
    } catch (error) {
      if (here.current) setProblem(problemOf(error));
    }
    if (here.current) setBusy(false);
  };
  return h(
    "div",
    { className: "sp-block" },
    h("h3", null, "As it would leave"),
    h(
      "div",
      { className: "sp-buttons mt-0" },
      h(B.Button, { variant: "secondary", disabled: busy || !kinds.length || Boolean(filterProblem(choice, kinds)), onClick: show }, h(Icon, { icon: icons.faEye, className: "mr-2" }), busy ? "Looking…" : shown ? "Show again" : "Show three records"),
      h("span", { role: "status", className: stale ? "text-warning" : "text-muted" }, stale ? "You have changed something since." : shown ? "Preview. Nothing has been written." : "")
    ),
    problem ? h(ProblemBox, { problem }) : null,
    shown && !shown.records.length ? h("p", { className: "mt-3 mb-0" }, "Nothing matches what is chosen.") : null,
    shown ? h("div", { className: stale ? "sp-stale" : "" }, shown.records.map((record, index) => h(PreviewTable, { key: index, record, hello })), shown.notes.map((note, index) => h("p", { key: index, className: "sub-heading" }, note))) : null
  );
}

/** A value as text; "" for nothing. @param {any} value @returns {string} */
function written(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "boolean") return value ? "yes" : "no";
  const text = Array.isArray(value)
    ? value.map(written).join(value.some((one) => typeof one === "object") ? "; " : ", ")
    : typeof value === "object"
      ? Object.entries(value).map(([name, one]) => `${name}: ${written(one)}`).join(", ")
      : String(value);
  return text.length > 240 ? `${text.slice(0, 240)}…` : text;
}

/** @param {{record: PreviewRecord, hello: Hello}} props */
function PreviewTable({ record, hello }) {
  const kind = hello.kinds.find((one) => one.name === record.kind || one.plural === record.kind);
  const names = [...new Set([...Object.keys(record.before), ...Object.keys(record.after)])];
  const order = kind ? kind.fields.map((field) => field.name) : [];
  /** @param {string} name */
  const place = (name) => (order.includes(name) ? order.indexOf(name) : order.length);
  names.sort((a, b) => place(a) - place(b));
  const rows = names
    .map((name) => {
      const before = written(record.before[name]);
      const gone = !(name in record.after) || (record.after[name] === null && record.before[name] !== null);
      const after = gone ? "" : written(record.after[name]);
      const field = kind && kind.fields.find((one) => one.name === name);
      return { name: field ? field.label : capital(name.replace(/_/g, " ")), before, after, what: gone ? "removed" : before === after ? "same" : "changed" };
    })
    .filter((row) => row.before || row.after);
  const removed = rows.filter((row) => row.what === "removed").length;
  const changed = rows.filter((row) => row.what === "changed").length;
  const word = capital((kind ? kind.name : record.kind).replace(/_/g, " "));
  return h(
    "div",
    { className: "sp-scroll mt-3" },
    h(
      "table",
      { className: "table table-sm mb-0 sp-preview" },
      h("caption", null, `${word}: ${removed || changed ? [removed && `${counted(removed, "field")} removed`, changed && `${count(changed)} changed`].filter(Boolean).join(", ") : "leaves as it is"}`),
      h("thead", null, h("tr", null, ["Field", "Now", "In the export"].map((name) => h("th", { key: name, scope: "col" }, name)))),
      h(
        "tbody",
        null,
        rows.map((row) =>
          h(
            "tr",
            { key: row.name, className: `sp-${row.what}` },
            h("th", { scope: "row" }, row.name),
            h("td", null, row.what === "removed" ? h("del", null, row.before) : row.before),
            h(
              "td",
              null,
              row.what === "removed" ? h("span", { className: "text-danger" }, h(Icon, { icon: icons.faXmark, className: "mr-1" }), "removed") : null,
              row.what === "changed" ? [h(Icon, { key: "sign", icon: icons.faPen, className: "text-warning mr-1 sp-small" }), h("span", { key: "word", className: "sr-only" }, "changed: "), row.after] : null,
              row.what === "same" ? h("span", { className: "text-muted" }, "the same") : null
            )
          )
        )
      )
    )
  );
}
