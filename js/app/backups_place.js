// Where the backups lie: a folder on the machine that runs Stash, or a store; and what is to be said about that place.

import { B, C, Icon, h, icons, useEffect, useRef, useState } from "./host.js";
import { ask } from "./ask.js";
import { useGuarded } from "./guarded.js";
import { Choices, FoldSection, Input, ProblemBox, Warn } from "./parts.js";
import { counted } from "./words.js";

/** @type {Record<string, string>} */
const NEAR = {
  stash: "Local backup only: the vault lies in Stash's own folder. What destroys that folder takes the backups with it. Choose another disk or a store.",
  disk: "Local backup only: the vault lies on the same disk as Stash. If the disk fails, both are gone. Choose another disk or a store.",
  container: "The vault lies inside this container and is gone when the container is made anew. Choose a folder that is mounted into it.",
};

/** Why the place is not a good one, or "". @param {Listing | null} listing */
export const nearWords = (listing) => NEAR[(listing && listing.near) || ""] || "";

/** @param {string} place */
const isStore = (place) => /^[a-z][a-z0-9+.-]*:\/\//i.test(place);

/** @param {{listing: Listing | null, habits: Habits, folder: string, saveHabits: (part: Habits) => Promise<void>, onMoved: () => Promise<void>}} props `folder`: Stash Port's own */
export function PlaceFold({ listing, habits, folder, saveHabits, onMoved }) {
  const now = habits.vault || "";
  const [open, setOpen] = useState(false);
  const [where, setWhere] = useState(now ? (isStore(now) ? "store" : "folder") : "own");
  const [place, setPlace] = useState(now);
  const [found, setFound] = useState(/** @type {{place: string, listing: Listing} | null} */ (null));
  const [said, setSaid] = useState("");
  const { busy, problem, guarded, here } = useGuarded();
  const wanted = where === "own" ? "" : place.trim();
  const incomplete = where !== "own" && (!wanted || (where === "store") !== isStore(wanted));
  const look = () =>
    guarded(async () => {
      setSaid("");
      const answer = await ask({ mode: "backups", vault: wanted || `${folder}/vault` });
      if (here.current) setFound({ place: wanted, listing: answer });
    });
  const save = () =>
    guarded(async () => {
      await saveHabits({ vault: wanted });
      await onMoved();
      if (here.current) setSaid("Saved. The next backup goes there; the ones that are elsewhere stay where they are.");
    });
  const known = found && found.place === wanted ? found.listing : null;
  const options = [
    { value: "own", label: "Beside Stash's configuration", help: `${folder}/vault` },
    { value: "folder", label: "Another folder", help: "On the machine that runs Stash: best on another disk, or a share that is mounted there.", below: h(Folder, { place, setPlace }) },
    { value: "store", label: "A store", help: "S3, SFTP, WebDAV: an address like s3://bucket/folder. Its password comes from where Stash runs, not from here.", below: h(Input, { id: "sp-vault-url", label: "Address of the store", spellCheck: false, autoComplete: "off", placeholder: "s3://bucket/stash", value: isStore(place) || !place ? place : "", onChange: setPlace }) },
  ];
  return h(
    FoldSection,
    { id: "sp-place-of", title: "Place", summary: listing ? listing.place : now || `${folder}/vault`, open, onToggle: () => setOpen(!open), always: nearWords(listing) ? h(Warn, null, nearWords(listing)) : null },
    h("div", { className: "sp-block" }, h(Choices, { name: "sp-vault", legend: "Where the backups lie", value: where, options, onChange: setWhere })),
    h(
      "div",
      { className: "sp-block" },
      problem ? h(ProblemBox, { problem }) : null,
      known ? h("p", { role: "status" }, h(Icon, { icon: known.exists ? icons.faCircleCheck : icons.faPlus, className: "text-success mr-2" }), known.exists ? `There is a vault with ${counted(known.backups.length, "backup")}${known.encrypted ? `, encrypted with the key ${known.key}` : ""}: backups go on in it.` : "There is no vault yet: the first backup makes one.", nearWords(known) ? h(Warn, null, nearWords(known)) : null) : null,
      h(
        "div",
        { className: "sp-buttons mt-0" },
        known && wanted !== now ? h(B.Button, { variant: "primary", disabled: busy, onClick: save }, "Use this place") : null,
        h(B.Button, { variant: "secondary", disabled: busy || incomplete, onClick: look }, "Look what is there"),
        h("span", { role: "status" }, said)
      )
    )
  );
}

/** Stash's own folder picker, with a name for screen readers. @param {{place: string, setPlace: (place: string) => void}} props */
export function Folder({ place, setPlace }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const input = box.current && box.current.querySelector("input");
    if (input) input.setAttribute("aria-label", "Folder of the vault");
    const browse = box.current && box.current.querySelector(".input-group-append button");
    if (browse) browse.setAttribute("aria-label", "Browse the server's folders");
  });
  return h("div", { ref: box, className: "sp-server-path" }, h(C.FolderSelect, { currentDirectory: isStore(place) ? "" : place, onChangeDirectory: setPlace, defaultDirectories: ["/"], collapsible: true, hideError: true }));
}
