// Choices kept under a name on the server, without their secrets.

import { B, Icon, client, gql, h, icons, useEffect, useRef, useState } from "./host.js";
import { ask, greetingAge, learnPresets, problemOf } from "./ask.js";
import { fromConfig, toPreset } from "./config.js";
import { PICKED, PICKED_KINDS } from "./filters.js";
import { FoldSection, Input, ProblemBox } from "./parts.js";
import { sentence } from "./sentence.js";
import { counted, quoted } from "./words.js";

/** @typedef {import("./kinds.js").Props} Props */

/** How Stash finds one, and what it is called. @type {Record<PickedKind, [string, string]>} */
const FIND = { tags: ["findTag", "name"], performers: ["findPerformer", "name"], studios: ["findStudio", "name"], groups: ["findGroup", "name"], galleries: ["findGallery", "title"] };

/** Ids with the names that they have now, like "tag:3". @typedef {Record<string, string>} Names */

/** The names of what filters point to, as far as it is still there. @param {Filters[]} all @returns {Promise<Names>} */
async function namesOf(all) {
  const asked = PICKED_KINDS.flatMap((plural) => [...new Set(all.flatMap((filters) => filters[plural].map((one) => one.id)))].map((id) => ({ plural, id })));
  if (!asked.length) return {};
  // One by one: of a list, Stash refuses all when one is gone.
  const fields = asked.map(({ plural, id }, index) => `n${index}: ${FIND[plural][0]}(id: ${JSON.stringify(id)}) { id name: ${FIND[plural][1]} }`);
  const { data } = await client().query({ query: gql(`query StashPortNames { ${fields.join("\n")} }`), fetchPolicy: "no-cache" });
  return Object.fromEntries(
    asked.map(({ plural, id }, index) => {
      const found = data[`n${index}`];
      return [`${PICKED[plural]}:${id}`, found ? found.name || `${PICKED[plural]} ${id}` : `${PICKED[plural]} ${id}, which is gone`];
    })
  );
}

/** @param {Choice} choice @param {Names} names @returns {Choice} */
function withNames(choice, names) {
  const filters = { ...choice.filters };
  for (const plural of PICKED_KINDS) filters[plural] = filters[plural].map((one) => ({ id: one.id, name: names[`${PICKED[plural]}:${one.id}`] || one.name }));
  return { ...choice, filters };
}

/** @param {Props & {replace: (choice: Choice) => void}} props */
export function PresetsSection({ choice, hello, replace }) {
  const [open, setOpen] = useState(false);
  const [presets, setPresets] = useState(hello.presets || []);
  const [names, setNames] = useState(/** @type {Names} */ ({}));
  const [name, setName] = useState("");
  const [said, setSaid] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const here = useRef(true);
  useEffect(() => {
    here.current = true;
    return () => {
      here.current = false;
    };
  }, []);
  /** @param {Preset[]} found */
  const keep = (found) => {
    learnPresets(found);
    if (here.current) setPresets(found);
  };
  /** @param {() => Promise<string>} action gives what to say */
  const guarded = async (action) => {
    setBusy(true);
    setProblem(null);
    setSaid("");
    try {
      const word = await action();
      if (here.current) setSaid(word);
    } catch (error) {
      if (here.current) setProblem(problemOf(error));
    }
    if (here.current) setBusy(false);
  };
  // The greeting has told them; another tab may have changed them since.
  useEffect(() => {
    if (open && greetingAge() > 10000) ask({ mode: "presets" }).then((answer) => keep(answer.presets), () => undefined);
  }, [open]);
  useEffect(() => {
    if (open) namesOf(presets.map((preset) => fromConfig(preset.config, hello).filters)).then((found) => here.current && setNames(found), () => undefined);
  }, [open, presets]);

  const wanted = name.trim();
  const known = presets.some((preset) => preset.name === wanted);
  const save = () =>
    guarded(async () => {
      const config = toPreset(choice, hello);
      const answer = await ask({ mode: "savePreset", name: wanted, config });
      keep(answer.presets || [...presets.filter((preset) => preset.name !== wanted), { name: wanted, config }].sort((a, b) => a.name.localeCompare(b.name)));
      setName("");
      return `${quoted(wanted)} is saved.`;
    });
  /** @param {string} which */
  const remove = (which) =>
    guarded(async () => {
      const answer = await ask({ mode: "deletePreset", name: which });
      keep(answer.presets || presets.filter((preset) => preset.name !== which));
      return `${quoted(which)} is deleted.`;
    });
  /** @param {Preset} preset */
  const use = (preset) =>
    guarded(async () => {
      replace(withNames(fromConfig(preset.config, hello), names));
      return `The page now shows ${quoted(preset.name)}.`;
    });
  return h(
    FoldSection,
    { id: "sp-presets", title: "Presets", summary: presets.length ? counted(presets.length, "preset") : "none yet", open, onToggle: () => setOpen(!open), always: problem ? h(ProblemBox, { problem }) : null },
    presets.map((preset) => h(PresetRow, { key: preset.name, name: preset.name, words: sentence(withNames(fromConfig(preset.config, hello), names), hello, null), busy, onUse: () => use(preset), onDelete: () => remove(preset.name) })),
    h(
      "form",
      {
        className: "sp-block",
        onSubmit: (/** @type {any} */ event) => {
          event.preventDefault();
          if (wanted && !busy) save();
        },
      },
      h(Input, { id: "sp-preset-name", label: "Keep what is chosen now under a name", help: "Passphrases and other secrets are never kept.", maxLength: 80, autoComplete: "off", value: name, onChange: setName }),
      h(
        "div",
        { className: "sp-buttons mt-2" },
        h(B.Button, { type: "submit", variant: "secondary", disabled: busy || !wanted }, known ? `Replace ${quoted(wanted)}` : "Save as a preset"),
        h("span", { role: "status" }, said)
      )
    )
  );
}

/** @param {{name: string, words: string, busy: boolean, onUse: () => void, onDelete: () => void}} props */
function PresetRow({ name, words, busy, onUse, onDelete }) {
  const [asked, setAsked] = useState(false);
  const first = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    // The button that had the focus is gone.
    if (asked && first.current) first.current.focus();
  }, [asked]);
  return h(
    "div",
    { className: "sp-block sp-preset" },
    h("div", { className: "sp-output" }, h("strong", null, name), h("div", { className: "sub-heading" }, `${words}.`)),
    asked
      ? h(
          "div",
          { className: "sp-buttons mt-0", role: "group", "aria-label": `Delete ${name}?` },
          h("span", null, `Delete ${quoted(name)} for good?`),
          h(B.Button, { ref: first, variant: "secondary", size: "sm", onClick: () => setAsked(false) }, "Keep it"),
          h(B.Button, { variant: "danger", size: "sm", disabled: busy, onClick: onDelete }, "Delete preset")
        )
      : h(
          "div",
          { className: "sp-buttons mt-0" },
          h(B.Button, { variant: "primary", size: "sm", disabled: busy, onClick: onUse, "aria-label": `Use ${name}` }, "Use"),
          h(B.Button, { variant: "secondary", size: "sm", className: "minimal", onClick: () => setAsked(true), "aria-label": `Delete ${name}…`, title: "Delete…" }, h(Icon, { icon: icons.faTrash }))
        )
  );
}
