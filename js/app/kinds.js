// Which kinds of records, and which of their fields: the first section of the export page.

import { B, Fragment, h, useEffect, useRef, useState } from "./host.js";
import { canRelate, chosenFields, total } from "./choice.js";
import { Choices, Fold, Section } from "./parts.js";
import { count, counted } from "./words.js";

/** @typedef {{choice: Choice, set: (part: Partial<Choice>) => void, hello: Hello, counts: Counts | null, stays?: string[]}} Props `stays`: kinds of which nothing leaves */

/** A checkbox that can stand between yes and no. @param {{id: string, label: any, checked: boolean, some?: boolean, disabled?: boolean, onChange: (on: boolean) => void}} props */
function Check({ id, label, checked, some, disabled, onChange }) {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => {
    if (input.current) input.current.indeterminate = Boolean(some);
  }, [some]);
  return h(
    "div",
    { className: "custom-control custom-checkbox" },
    h("input", { ref: input, type: "checkbox", className: "custom-control-input", id, checked, disabled, onChange: (/** @type {any} */ event) => onChange(event.currentTarget.checked) }),
    h("label", { className: "custom-control-label", htmlFor: id }, label)
  );
}

/** @param {Props} props */
export function KindsSection({ choice, set, hello, counts, stays = [] }) {
  const usable = hello.kinds.filter((kind) => choice.includeFiles || !["files", "folders"].includes(kind.plural));
  const ticked = usable.filter((kind) => !choice.without.includes(kind.plural));
  const sum = total(choice, hello, counts);
  /** @param {boolean} on */
  const setAll = (on) => set({ without: on ? [] : hello.kinds.map((kind) => kind.plural) });
  return h(
    Section,
    { title: "Records" },
    h(
      "div",
      { className: "sp-kind sp-kind-all" },
      h(Check, { id: "sp-all", label: h("strong", null, "Everything"), checked: ticked.length === usable.length, some: ticked.length > 0 && ticked.length < usable.length, onChange: setAll }),
      h("span", { className: "sp-count" }, h("strong", null, sum === null ? "…" : count(sum)), h("span", { className: "sr-only" }, " records chosen"))
    ),
    hello.kinds.map((kind) => h(KindRow, { key: kind.name, kind, choice, set, counts, off: !usable.includes(kind), stays: stays.includes(kind.plural) })),
    h(RelatedRow, { choice, set, hello })
  );
}

/** @param {{kind: KindInfo, choice: Choice, set: (part: Partial<Choice>) => void, counts: Counts | null, off: boolean, stays: boolean}} props */
function KindRow({ kind, choice, set, counts, off, stays }) {
  const [open, setOpen] = useState(false);
  const on = !off && !choice.without.includes(kind.plural);
  const chosen = chosenFields(choice, kind);
  const known = counts ? counts[kind.plural] : undefined;
  /** @param {boolean} value */
  const tick = (value) => set({ without: value ? choice.without.filter((name) => name !== kind.plural) : [...choice.without, kind.plural] });
  const fields = chosen.length === kind.fields.length ? `all ${counted(kind.fields.length, "field")}` : `${count(chosen.length)} of ${counted(kind.fields.length, "field")}`;
  const panel = `sp-fields-${kind.plural}`;
  return h(
    Fragment,
    null,
    h(
      "div",
      { className: `sp-kind ${on ? "" : "sp-off"}` },
      h(Check, { id: `sp-kind-${kind.plural}`, label: kind.label, checked: on, disabled: off, onChange: tick }),
      kind.fields.length
        ? h(Fold, { id: panel, label: fields, describe: `${kind.label}: ${fields}`, open: open && on, onToggle: () => setOpen(!open), className: on ? "" : "invisible" })
        : null,
      h("span", { className: "sp-count" }, stays ? h("span", { className: "text-muted", title: "What you chose under Privacy keeps all of these here" }, "stays here") : counts ? (known === undefined || known === null ? h("span", { className: "text-muted", title: "Counted while exporting" }, "–") : count(known)) : "…")
    ),
    kind.fields.length ? h(B.Collapse, { in: open && on, mountOnEnter: true, unmountOnExit: true }, h("div", { id: panel }, h(FieldPicker, { kind, choice, set, chosen }))) : null
  );
}

/** What a privacy class means to a person. @type {Record<string, string>} */
const PRIVACY = { personal: "personal", path: "tells paths of this machine", identifying: "identifying", secret: "secret" };

/** @param {{kind: KindInfo, choice: Choice, set: (part: Partial<Choice>) => void, chosen: FieldInfo[]}} props */
function FieldPicker({ kind, choice, set, chosen }) {
  const left = choice.withoutFields[kind.plural] || [];
  /** @param {string[]} names */
  const leave = (names) => set({ withoutFields: { ...choice.withoutFields, [kind.plural]: names } });
  return h(
    "fieldset",
    { className: "sp-fields" },
    h("legend", { className: "sr-only" }, `Fields of ${kind.label.toLowerCase()}`),
    h(
      "div",
      { className: "sp-buttons mt-0" },
      h(B.Button, { variant: "secondary", size: "sm", disabled: chosen.length === kind.fields.length, onClick: () => leave([]) }, "Select all"),
      h(B.Button, { variant: "secondary", size: "sm", disabled: !chosen.length, onClick: () => leave(kind.fields.map((field) => field.name)) }, "Select none")
    ),
    h(
      "div",
      { className: "sp-field-grid" },
      kind.fields.map((field) =>
        h(Check, {
          key: field.name,
          id: `sp-field-${kind.plural}-${field.name}`,
          label: h(Fragment, null, field.label, PRIVACY[field.privacy] ? h("span", { className: "text-muted sp-small" }, ` (${PRIVACY[field.privacy]})`) : null),
          checked: !left.includes(field.name),
          onChange: (on) => leave(on ? left.filter((name) => name !== field.name) : [...left, field.name]),
        })
      )
    )
  );
}

/** Records that the ticked ones point to. @param {{choice: Choice, set: (part: Partial<Choice>) => void, hello: Hello}} props */
export function RelatedRow({ choice, set, hello }) {
  const can = canRelate(choice, hello);
  return h(
    "div",
    { className: "sp-block" },
    h("h3", null, "What they refer to"),
    can
      ? h(Choices, {
          name: "sp-related",
          legend: "Records that the chosen ones refer to",
          value: choice.related,
          onChange: (related) => set({ related }),
          options: [
            { value: "none", label: "Leave it out", help: "Only the kinds ticked above." },
            { value: "direct", label: "Add what they name", help: "A scene brings its studio, performers, tags, groups and files along." },
            { value: "all", label: "Add everything they lead to", help: "And those bring theirs: parent studios, parent tags, and so on to the end." },
          ],
        })
      : h("p", { className: "sub-heading mb-0" }, "Every kind is ticked, so whatever a record refers to is chosen already.")
  );
}
