// The panel's frame: greets the back end once, then shows the page that the address names.

import { B, C, HOME, Icon, NavLink, Redirect, Route, Switch, h, icons, useEffect, useIntl, useLocation, useNative, useState } from "./host.js";
import { catchUp, hello as greet, problemOf } from "./ask.js";
import { BackupsPage } from "./backups_page.js";
import { ExportPage } from "./export_page.js";
import { ProblemBox } from "./parts.js";
import { PlanPage } from "./plan_page.js";
import { RestorePage } from "./restore_page.js";
import { RunPage } from "./run_page.js";
import { RunsPage } from "./runs_page.js";
import { setLocale } from "./words.js";

/** @param {{version: string, Boundary: any}} props */
export function App({ version, Boundary }) {
  const loading = useNative();
  const place = useLocation();
  setLocale(useIntl().locale);
  const [hello, setHello] = useState(/** @type {Hello | null} */ (null));
  const [problem, setProblem] = useState(/** @type {Problem | null} */ (null));
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let here = true;
    setProblem(null);
    greet().then(
      (answer) => {
        if (!here) return;
        setHello(answer);
        catchUp(answer).then((fresh) => here && fresh && setHello({ ...answer, backup: fresh }), () => undefined);
      },
      (error) => here && setProblem(problemOf(error))
    );
    return () => {
      here = false;
    };
  }, [attempt]);
  useEffect(() => {
    const before = document.title;
    document.title = `Stash Port: ${place.pathname.includes("/runs") ? "Runs" : place.pathname.includes("/backups") ? "Backups" : place.pathname.includes("/restore") ? "Restore" : "Export"}`;
    return () => {
      document.title = before;
    };
  }, [place.pathname]);

  return h(
    "div",
    { className: "stash-port" },
    h(
      B.Nav,
      { variant: "tabs", as: "nav", "aria-label": "Stash Port", className: "sp-tabs" },
      h(NavLink, { to: `${HOME}/export`, className: "nav-link" }, "Export"),
      h(NavLink, { to: `${HOME}/backups`, className: "nav-link" }, "Backups"),
      h(NavLink, { to: `${HOME}/restore`, className: "nav-link" }, "Restore"),
      h(NavLink, { to: `${HOME}/runs`, className: "nav-link" }, "Runs")
    ),
    problem
      ? h("div", { className: "sp-page" }, h("h1", null, "Stash Port"), h(ProblemBox, { problem }, h(B.Button, { variant: "secondary", className: "mt-3", onClick: () => setAttempt(attempt + 1) }, "Try again")))
      : loading || !hello
        ? h(C.LoadingIndicator, { message: "" })
        : h(
            Boundary,
            { place: place.pathname },
            hello.version !== version ? h(Updated, { version: hello.version }) : null,
            h(
              Switch,
              null,
              h(Route, { path: `${HOME}/runs/:run`, render: () => h(RunPage, { hello }) }),
              h(Route, { path: `${HOME}/runs`, render: () => h(RunsPage, { hello }) }),
              h(Route, { path: `${HOME}/backups`, render: () => h(BackupsPage, { hello }) }),
              h(Route, { path: `${HOME}/restore/:run`, render: () => h(PlanPage, { hello }) }),
              h(Route, { path: `${HOME}/restore`, render: () => h(RestorePage, { hello }) }),
              h(Route, { path: `${HOME}/export`, render: () => h(ExportPage, { hello }) }),
              h(Redirect, { to: { ...place, pathname: `${HOME}/export` } })
            )
          )
  );
}

/** The plugin was updated under an open page. @param {{version: string}} props */
function Updated({ version }) {
  return h(
    "p",
    { className: "sp-warn", role: "status" },
    h(Icon, { icon: icons.faRotateRight, className: "mr-2" }),
    `Stash Port was updated to ${version}. `,
    h(B.Button, { variant: "link", className: "p-0", onClick: () => window.location.reload() }, "Reload the page"),
    " to use it."
  );
}
