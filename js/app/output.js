// What belongs to the records, in what form, and what hardly anybody needs: sections of the export page.

import { B, h, useState } from "./host.js";
import { CommandBlock } from "./command.js";
import { formatOf, mustPack, optionsOf, withImages } from "./choice.js";
import { Choices, FoldSection, Input, Labelled, Section, SwitchRow } from "./parts.js";

/** @typedef {import("./kinds.js").Props} Props */

/** @param {Props} props */
export function ContentSection({ choice, set }) {
  const held = choice.images && !withImages(choice);
  return h(
    Section,
    { title: "Also include" },
    h(SwitchRow, {
      id: "sp-files",
      name: "File details",
      help: "Paths, sizes, lengths and fingerprints of the media files. The media files themselves are never exported.",
      checked: choice.includeFiles,
      onChange: (includeFiles) => set({ includeFiles }),
    }),
    h(SwitchRow, {
      id: "sp-images",
      name: "Pictures",
      help: held ? "What you chose under Privacy keeps them here." : "Scene covers, performer portraits, studio logos and tag images. This makes the export much larger.",
      checked: choice.images,
      onChange: (images) => set({ images }),
    })
  );
}

/** @type {Record<string, [string, string]>} */
const COMPRESS = {
  none: ["None", "Opens with a double click."],
  gzip: ["gzip", "Smaller; most tools read it directly."],
  zip: ["zip", "Smaller; every computer opens it."],
  "7z": ["7z", "Smallest and slowest. Its encryption is not authenticated: a change to the file can go unnoticed."],
};

/** @param {Props} props */
export function FormatSection({ choice, set, hello }) {
  const format = formatOf(choice, hello);
  const values = optionsOf(choice, format);
  /** @param {string} name @param {any} value */
  const setOption = (name, value) => set({ options: { ...choice.options, [format.name]: { ...values, [name]: value } } });
  const packed = mustPack(choice, format);
  const clipboard = choice.place === "clipboard" && format.compress.includes("none");
  /** @param {string} name */
  const cannot = (name) => (packed && !["zip", "7z"].includes(name) ? "Several files: on their way they go as one zip." : clipboard && name !== "none" ? "The clipboard takes text only." : "");
  return h(
    Section,
    { title: "Format" },
    h(
      "div",
      { className: "sp-block" },
      h("h3", { className: "sr-only" }, "Format"),
      h(Choices, {
        name: "sp-format",
        legend: "Format",
        columns: true,
        value: format.name,
        onChange: (/** @type {string} */ name) => set({ format: name }),
        options: hello.formats.map((one) => ({ value: one.name, label: h("span", null, one.label, " ", h("span", { className: "text-muted" }, `.${one.extension.replace(/^\./, "")}`)), help: one.description })),
      })
    ),
    format.compress.length > 1
      ? h(
          "div",
          { className: "sp-block" },
          h("h3", null, "Compression"),
          h(Choices, {
            name: "sp-compress",
            legend: "Compression",
            pairs: true,
            value: choice.compress,
            onChange: (/** @type {string} */ compress) => set({ compress }),
            options: format.compress.map((name) => ({
              value: name,
              label: (COMPRESS[name] || [name])[0],
              help: cannot(name) || (COMPRESS[name] || ["", ""])[1],
              disabled: Boolean(cannot(name)),
            })),
          })
        )
      : null,
    format.options.map((option) => h(OptionRow, { key: `${format.name}-${option.name}`, format, option, value: values[option.name], onChange: (value) => setOption(option.name, value) }))
  );
}

/** @param {{format: FormatInfo, option: FormatOption, value: any, onChange: (value: any) => void}} props */
function OptionRow({ format, option, value, onChange }) {
  const id = `sp-option-${option.name}`;
  if (option.type === "boolean") return h(SwitchRow, { id, name: option.label, help: option.help, checked: Boolean(value), onChange });
  const text = { id, label: option.label, help: option.help, value: value ?? "", onChange };
  if (option.name !== "template") return h("div", { className: "sp-block" }, h(Input, text));
  const examples = format.examples || [];
  return h(
    "div",
    { className: "sp-block" },
    examples.length
      ? h(
          "div",
          { className: "sp-buttons mt-0 mb-2", role: "group", "aria-label": "Examples to begin with" },
          h("span", { className: "text-muted" }, "Begin with:"),
          examples.map((example) => h(B.Button, { key: example.name, variant: "secondary", size: "sm", onClick: () => onChange(example.text) }, example.name))
        )
      : null,
    h(
      Labelled,
      text,
      h(B.Form.Control, { as: "textarea", id, rows: 10, className: "text-input sp-code", spellCheck: false, value: text.value, "aria-describedby": option.help ? `${id}-help` : undefined, onChange: (/** @type {any} */ event) => onChange(event.currentTarget.value) })
    )
  );
}

/** What hardly anybody needs. @param {Props} props */
export function MoreSection({ choice, set, hello }) {
  const [open, setOpen] = useState(choice.reader !== "auto" || Boolean(choice.chunkSize || choice.maxFileSize));
  return h(
    FoldSection,
    { id: "sp-more", title: "More", summary: choice.chunkSize || choice.maxFileSize ? "in parts" : "", open, onToggle: () => setOpen(!open) },
    h(
      "div",
      { className: "sp-block" },
      h("h3", null, "In parts"),
      h("p", { className: "sub-heading" }, "For what cannot take a large file. Each part can be read on its own; a list of the parts lies beside them. Left empty: one file."),
      h(
        "div",
        { className: "sp-filter-grid" },
        h(Input, { id: "sp-chunk", label: "Records a file, at most", value: choice.chunkSize, inputMode: "numeric", onChange: (chunkSize) => set({ chunkSize: chunkSize.trim() }) }),
        h(Input, { id: "sp-max-size", label: "Megabytes a file, at most", value: choice.maxFileSize, inputMode: "numeric", onChange: (maxFileSize) => set({ maxFileSize: maxFileSize.trim() }) })
      )
    ),
    h(
      "div",
      { className: "sp-block" },
      h("h3", null, "How the library is read"),
      h(Choices, {
        name: "sp-reader",
        legend: "How the library is read",
        value: choice.reader,
        onChange: (reader) => set({ reader }),
        options: [
          { value: "auto", label: "Choose for me", help: "The database where it can be read, Stash's API everywhere else." },
          { value: "database", label: "From the database", help: "Fastest, and a picture of one moment." },
          { value: "graphql", label: "Through Stash's API", help: "Slower; works with every version of Stash." },
        ],
      })
    ),
    h(CommandBlock, { choice, hello })
  );
}
