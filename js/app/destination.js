// Where the export goes: the browser, a place on the server, an address, the clipboard.

import { B, C, client, gql, h, useEffect, useRef, useState } from "./host.js";
import { PLUGIN } from "./ask.js";
import { formatOf } from "./choice.js";
import { CLIPBOARD_LIMIT, hasClipboard } from "./download.js";
import { Choices, Input, Labelled, Section, SwitchRow } from "./parts.js";
import { size } from "./words.js";

/** @typedef {import("./kinds.js").Props & import("./encryption.js").SecretProps} Props */

const OWN_SETTINGS = gql`
  query StashPortSettings($ids: [ID!]) {
    configuration {
      plugins(include: $ids)
    }
  }
`;

/** @param {Props} props */
export function PlaceSection({ choice, set, hello, secrets, setSecrets }) {
  const text = !formatOf(choice, hello).folder;
  /** @type {{value: string, label: string, help: string, below?: any}[]} */
  const options = [
    { value: "browser", label: "Your browser", help: "Downloaded as soon as it is ready. A copy stays on the server for a week." },
    { value: "server", label: "A place on the server", help: "Where Stash runs: a folder, or a file with its full path.", below: h(ServerPath, { choice, set, hello }) },
    { value: "url", label: "An address", help: "Sent from where Stash runs to a server of yours that takes files.", below: h(Address, { choice, set }) },
  ];
  if (hasClipboard()) {
    options.push({ value: "clipboard", label: "The clipboard", help: text ? `To paste it somewhere. For small exports, up to ${size(CLIPBOARD_LIMIT)}.` : "Takes one file of text, and this format makes several." });
  }
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
        onChange: (place) => set({ place: /** @type {Place} */ (place) }),
        options: options.map((option) => ({ ...option, disabled: option.value === "clipboard" && !text && choice.place !== "clipboard" })),
      })
    ),
    choice.place === "server"
      ? h(SwitchRow, { id: "sp-overwrite", name: "Replace what is there", help: "Off: if a file of that name is there already, the export stops before it writes anything.", checked: choice.overwrite, onChange: (overwrite) => set({ overwrite }) })
      : null,
    choice.place === "url"
      ? h(SwitchRow, { id: "sp-sign", name: "Sign what is sent", help: "With a secret that only you and the receiver know, so that it can tell who sent it.", checked: choice.sign, onChange: (sign) => set({ sign }) })
      : null,
    choice.place === "url" && choice.sign
      ? h(
          "div",
          { className: "sp-block" },
          h(Input, { id: "sp-signature", type: "password", autoComplete: "off", label: "Secret for the signature", help: "Used once and kept nowhere.", value: secrets.signature, onChange: (signature) => setSecrets({ ...secrets, signature }) })
        )
      : null
  );
}

/** @param {{choice: Choice, set: (part: Partial<Choice>) => void}} props */
function Address({ choice, set }) {
  return h(
    "div",
    { className: "sp-server-path sp-address" },
    h(
      Labelled,
      { id: "sp-method", label: "How" },
      h(
        B.Form.Control,
        { as: "select", id: "sp-method", className: "input-control", value: choice.method, onChange: (/** @type {any} */ event) => set({ method: event.currentTarget.value }) },
        h("option", { value: "PUT" }, "PUT"),
        h("option", { value: "POST" }, "POST")
      )
    ),
    h(Input, { id: "sp-url", type: "url", label: "Address", placeholder: "https://", value: choice.url, onChange: (url) => set({ url }), help: "It stands in Stash's log: no password in it." })
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
