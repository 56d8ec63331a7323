// A timer of the machine that starts what is due: its texts to be read first, then set up from here where Stash's own user may do that.

import { B, Fragment, Icon, client, gql, h, icons, useEffect, useState } from "./host.js";
import { ask, problemOf } from "./ask.js";
import { useGuarded } from "./guarded.js";
import { Copyable, Input, Labelled, ProblemBox, Warn } from "./parts.js";
import { listed } from "./words.js";

const KINDS = [
  ["", "Whatever fits that machine"],
  ["systemd-user", "systemd, for one user"],
  ["systemd-system", "systemd, for the whole machine"],
  ["cron", "cron"],
  ["docker", "Docker"],
  ["windows", "Windows"],
];
/** What needs no more rights than Stash has. */
const OWN = ["systemd-user", "cron"];

const LOGIN = gql`
  query StashPortLogin {
    configuration {
      general {
        username
      }
    }
  }
`;

/** Whether this Stash asks who one is. */
function useLogin() {
  const [login, setLogin] = useState(false);
  useEffect(() => {
    let here = true;
    client()
      .query({ query: LOGIN, fetchPolicy: "no-cache" })
      .then(
        ({ data }) => here && setLogin(Boolean(data.configuration.general.username)),
        // Where it cannot be told, the file can be named.
        () => here && setLogin(true)
      );
    return () => {
      here = false;
    };
  }, []);
  return login;
}

/** Instead of the text before it. @param {string} place */
const isOther = (place) => place.startsWith("or ");

/** @param {{timer: string, onChanged: () => Promise<void>}} props `timer`: the kind that is set up already, or "" */
export function Install({ timer, onChanged }) {
  const [kind, setKind] = useState("");
  const [keyFile, setKeyFile] = useState("");
  const [found, setFound] = useState(/** @type {{key: string, texts: InstallTexts} | null} */ (null));
  const [inContainer, setInContainer] = useState(false);
  const [done, setDone] = useState(/** @type {{key: string, undone: boolean, texts: InstallTexts} | null} */ (null));
  const { busy, problem, setProblem, guarded, here } = useGuarded();
  const login = useLogin();
  const wanted = { mode: "schedule", action: "install", ...(kind ? { kind } : {}), ...(keyFile.trim() ? { apiKeyFile: keyFile.trim() } : {}) };
  const key = JSON.stringify(wanted);
  useEffect(() => {
    let wait = true;
    setProblem(null);
    const asking = window.setTimeout(async () => {
      try {
        const texts = await ask(JSON.parse(key));
        if (!kind && here.current) setInContainer(texts.kind === "docker");
        if (wait) setFound({ key, texts });
      } catch (error) {
        if (wait) setProblem(problemOf(error));
      }
    }, keyFile ? 400 : 0);
    return () => {
      wait = false;
      window.clearTimeout(asking);
    };
  }, [key]);
  /** @param {boolean} undone taken away instead */
  const install = (undone) =>
    guarded(async () => {
      const texts = await ask({ ...wanted, ...(undone ? { uninstall: true } : { write: true }) });
      if (here.current) setDone({ key, undone, texts });
      await onChanged();
    });
  const texts = found && found.key === key ? found.texts : null;
  const own = Boolean(texts && OWN.includes(texts.kind));
  return h(
    "div",
    { className: "mt-2" },
    h(
      "div",
      { className: "sp-filter-grid mb-3" },
      h(Labelled, { id: "sp-install-kind", label: "For" }, h(B.Form.Control, { as: "select", id: "sp-install-kind", className: "input-control", value: kind, onChange: (/** @type {any} */ event) => setKind(event.currentTarget.value) }, KINDS.map(([value, name]) => h("option", { key: value, value }, name)))),
      login ? h(Input, { id: "sp-install-key", label: "File with the API key", help: "This Stash has a password: a timer gets in with a key. A file on that machine that holds nothing else.", spellCheck: false, autoComplete: "off", value: keyFile, onChange: setKeyFile }) : null
    ),
    texts ? h(Texts, { texts }) : problem ? null : h("p", { role: "status", className: "text-muted" }, "Writing it…"),
    problem ? h(ProblemBox, { problem }) : null,
    own
      ? h(
          Fragment,
          null,
          inContainer ? h(Warn, null, "Stash runs in a container here: what is set up inside goes when the container is made anew. “Docker” above shows what works from outside.") : null,
          h(
            "div",
            { className: "sp-buttons mt-2" },
            h(B.Button, { variant: "primary", disabled: busy || (login && !keyFile.trim()), onClick: () => install(false) }, busy ? "At work…" : "Set it up"),
            texts && timer === texts.kind ? h(B.Button, { variant: "secondary", disabled: busy, onClick: () => install(true) }, "Take it away again") : null,
            login && !keyFile.trim() ? h("span", { className: "text-warning" }, "First name the file with the API key.") : null
          )
        )
      : texts
        ? h("p", { className: "sub-heading mb-0" }, "From here only what Stash's own user may do is set up. ", texts.kind === "docker" ? "Put one of the texts where it belongs." : h(Fragment, null, h("code", null, `stash_port.py schedule install --kind ${texts.kind} --write`), ", run by whoever may, writes the same."))
        : null,
    done && done.key === key ? h(Outcome, { texts: done.texts, undone: done.undone }) : null
  );
}

/** @param {{texts: InstallTexts}} props */
function Texts({ texts }) {
  const sorted = Object.entries(texts.texts).sort(([a], [b]) => Number(isOther(a)) - Number(isOther(b)));
  return h(
    Fragment,
    null,
    sorted.map(([place, text]) => h("div", { key: place, className: "mb-3" }, h("p", { className: "mb-1" }, isOther(place) ? "Or into " : "Into ", h("strong", { className: "text-break" }, place.replace(/^or /, "")), ":"), h(Copyable, { text, what: `the text for ${place}`, block: true }))),
    texts.commands.length ? h("div", { className: "mb-3" }, h("p", { className: "mb-1" }, "Then run:"), h(Copyable, { text: texts.commands.join("\n"), what: "the commands", block: true })) : null,
    texts.remarks.map((remark) => h("p", { key: remark, className: "sub-heading mb-1" }, remark))
  );
}

/** What came of it. @param {{texts: InstallTexts, undone: boolean}} props */
function Outcome({ texts, undone }) {
  const { written, done, todo } = texts;
  const whole = !todo.length;
  const nothing = whole && !written.length && !done.length;
  return h(
    "div",
    { role: "status", className: "mt-3" },
    h("p", { className: "mb-1" }, h(Icon, { icon: whole ? icons.faCircleCheck : icons.faTriangleExclamation, className: `${whole ? "text-success" : "text-warning"} mr-2` }), h("strong", null, nothing ? "There was nothing to take away." : !whole ? "Not finished: something is left to do by hand." : undone ? "Taken away." : "Set up.")),
    written.length ? h("p", { className: "mb-1 text-break" }, `${undone ? "Changed or removed" : "Written"}: ${listed(written)}.`) : null,
    done.length ? h("p", { className: "mb-1 text-break" }, "Run: ", done.map((command) => h("code", { key: command, className: "mr-2" }, command))) : null,
    todo.length ? h("ul", { className: "mb-0 pl-4" }, todo.map((one) => h("li", { key: one, className: "text-break" }, one))) : null
  );
}
