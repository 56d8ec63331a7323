// What a restore takes: everything, some records, or some fields of what is here.

import { Fragment, h, useState } from "./host.js";
import { PartForm, SomeOfThem } from "./backups_part.js";
import { FieldSelect } from "./filters_section.js";
import { Choices, Section } from "./parts.js";
import { chosenBackup, partOf } from "./restore_wish.js";

const WRITTEN_BY_SCANS = ["file", "folder", "setting"];

/** @param {{wish: Wish, set: (part: Partial<Wish>) => void, hello: Hello, listing: Listing | null}} props */
export function WhatSection({ wish, set, hello, listing }) {
  const [open, setOpen] = useState(false);
  const backup = chosenBackup(wish, listing);
  const counts = (backup && backup.counts) || null;
  /** @param {Partial<Choice>} part */
  const setPart = (part) => set({ part: { ...wish.part, ...part } });
  // Settings are chosen behind "More".
  const filters = { hello: { ...hello, kinds: hello.kinds.filter((kind) => kind.name !== "setting") }, open, onToggle: () => setOpen(!open) };
  const options = [
    { value: "all", label: "Everything", help: "All records that it holds, with their images." },
    { value: "some", label: "Only some records", help: "Some kinds, or those that match filters." },
    { value: "fields", label: "Only some fields", help: "Such as ratings, of what is here already. Nothing new is made." },
  ];
  return h(
    Section,
    { title: "What" },
    h("div", { className: "sp-block" }, h(Choices, { name: "sp-what", legend: "What is restored", columns: true, value: wish.what, options, onChange: (/** @type {string} */ what) => set({ what: /** @type {Wish["what"]} */ (what) }) })),
    wish.what === "some" ? h(PartForm, { choice: wish.part, set: setPart, counts, ...filters }) : null,
    wish.what === "fields"
      ? h(
          Fragment,
          null,
          h(
            "div",
            { className: "sp-block" },
            h(FieldSelect, {
              id: "sp-only-fields",
              label: "Which fields",
              placeholder: "Choose fields",
              kinds: hello.kinds.filter((kind) => !WRITTEN_BY_SCANS.includes(kind.name)),
              takes: () => true,
              hello,
              value: wish.fields,
              onChange: (fields) => set({ fields }),
            })
          ),
          h(SomeOfThem, { choice: partOf(wish, hello), set: ({ filters: chosen }) => chosen && setPart({ filters: chosen }), ...filters })
        )
      : null
  );
}
