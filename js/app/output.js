// In what form and to where: the other sections of the export page.

import { B, C, client, gql, h, useEffect, useRef, useState } from "./host.js";
import { PLUGIN } from "./ask.js";
import { CommandBlock } from "./command.js";
import { formatOf, optionsOf } from "./choice.js";
import { Choices, Fold, Row, Section, SwitchRow } from "./parts.js";

/** @typedef {import("./kinds.js").Props} Props */

const OWN_SETTINGS = gql`
  query StashPortSettings($ids: [ID!]) {
    configuration {
      plugins(include: $ids)
    }
  }
`;

/** @param {Props} props */
export function ContentSection({ choice, set }) {
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
      help: "Scene covers, performer portraits, studio logos and tag images. This makes the export much larger.",
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
};

/** @param {Props} props */
export function FormatSection({ choice, set, hello }) {
  const format = formatOf(choice, hello);
  const values = optionsOf(choice, format);
  /** @param {string} name @param {any} value */
  const setOption = (name, value) => set({ options: { ...choice.options, [format.name]: { ...values, [name]: value } } });
  const folderToBrowser = format.folder && choice.place === "browser" && format.compress.includes("zip");
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
            columns: true,
            value: choice.compress,
            onChange: (compress) => set({ compress }),
            options: format.compress.map((name) => ({
              value: name,
              label: (COMPRESS[name] || [name])[0],
              help: folderToBrowser && name !== "zip" ? "Several files: to the browser they go as one zip." : (COMPRESS[name] || ["", ""])[1],
              disabled: folderToBrowser && name !== "zip",
            })),
          })
        )
      : null,
    format.options.map((option) =>
      option.type === "boolean"
        ? h(SwitchRow, { key: option.name, id: `sp-option-${option.name}`, name: option.label, help: option.help, checked: Boolean(values[option.name]), onChange: (on) => setOption(option.name, on) })
        : h(
            Row,
            { key: option.name, name: option.label, label: `sp-option-${option.name}`, help: option.help },
            h(B.Form.Control, { id: `sp-option-${option.name}`, className: "text-input", value: values[option.name] ?? "", onChange: (/** @type {any} */ event) => setOption(option.name, event.currentTarget.value) })
          )
    )
  );
}

/** @param {Props} props */
export function PlaceSection({ choice, set, hello }) {
  return h(
    Section,
    { title: "Destination" },
    h(
      "div",
      { className: "sp-block" },
      h("h3", { className: "sr-only" }, "Where the export goes"),
      h(Choices, {
        name: "sp-place",
        legend: "Where the export goes",
        value: choice.place,
        onChange: (place) => set({ place: place === "server" ? "server" : "browser" }),
        options: [
          { value: "browser", label: "Your browser", help: "Downloaded as soon as it is ready. A copy stays on the server for a week." },
          { value: "server", label: "A place on the server", help: "Where Stash runs: a folder, or a file with its full path." },
        ],
      }),
      choice.place === "server" ? h(ServerPath, { choice, set, hello }) : null
    ),
    choice.place === "server"
      ? h(SwitchRow, { id: "sp-overwrite", name: "Replace what is there", help: "Off: if a file of that name is there already, the export stops before it writes anything.", checked: choice.overwrite, onChange: (overwrite) => set({ overwrite }) })
      : null
  );
}

/** Where browsing begins: the folder that holds Stash's configuration, and the top. @param {string} folder .../stash-port/exports */
function beginnings(folder) {
  const top = (folder.match(/^([A-Za-z]:[\\/]|\/|\\\\[^\\]+\\[^\\]+)/) || [""])[0];
  const above = folder.replace(/[\\/]+[^\\/]+[\\/]+[^\\/]+[\\/]*$/, "");
  return [...new Set([above, top])].filter(Boolean);
}

/** Stash's own folder picker, with a name for screen readers. @param {{choice: Choice, set: (part: Partial<Choice>) => void, hello: Hello}} props */
function ServerPath({ choice, set, hello }) {
  const [folder, setFolder] = useState(hello.folder);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    let here = true;
    client()
      .query({ query: OWN_SETTINGS, variables: { ids: [PLUGIN] }, fetchPolicy: "no-cache" })
      .then(
        ({ data }) => here && setFolder((data.configuration.plugins[PLUGIN] || {}).outputFolder || hello.folder),
        () => undefined
      );
    return () => {
      here = false;
    };
  }, [hello]);
  useEffect(() => {
    const input = box.current && box.current.querySelector("input");
    if (input) {
      input.setAttribute("aria-label", "Folder or file on the server");
      input.setAttribute("aria-describedby", "sp-path-help");
    }
    const browse = box.current && box.current.querySelector(".input-group-append button");
    if (browse) {
      browse.setAttribute("aria-label", "Browse the server's folders");
      browse.setAttribute("title", "Browse the server's folders");
    }
  });
  return h(
    "div",
    { ref: box, className: "sp-server-path" },
    h(C.FolderSelect, { currentDirectory: choice.to, onChangeDirectory: (/** @type {string} */ to) => set({ to }), defaultDirectories: beginnings(folder), collapsible: true, hideError: true }),
    h("div", { id: "sp-path-help", className: "sub-heading mt-1" }, choice.to.trim() ? "Ends in a folder: the file gets a name of its own." : ["Left empty: ", h("code", { key: "folder" }, folder)])
  );
}

/** What hardly anybody needs. @param {Props} props */
export function MoreSection({ choice, set, hello }) {
  const [open, setOpen] = useState(choice.reader !== "auto");
  return h(
    "section",
    { className: "setting-section" },
    h("h2", { className: "sp-more" }, h(Fold, { id: "sp-more", label: "More", open, onToggle: () => setOpen(!open) })),
    h(
      B.Collapse,
      { in: open },
      h(
        "div",
        { id: "sp-more" },
        h(
          B.Card,
          null,
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
        )
      )
    )
  );
}
