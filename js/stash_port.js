// What Stash loads with every page: registers the panel's route and the two ways to it (navigation bar, Settings > Tools).
// Everything else is fetched from the plugin's assets when the panel is opened.
(function () {
  "use strict";

  /** Also the name of the folder that the pages come from (see `assets` in stash_port.yml): an update never meets a cached page of another version. */
  const VERSION = "0.1.0";
  const HOME = "/plugins/stash-port";

  const api = window.PluginApi;
  if (!api) return;
  const { React } = api;
  const h = React.createElement;
  const { NavLink, Link, useLocation } = api.libraries.ReactRouterDOM;
  const { Button } = api.libraries.Bootstrap;
  const icon = api.libraries.FontAwesomeSolid.faFileExport;

  /** Keeps a failure of ours away from the rest of Stash's page; tries again when the place changes. */
  class Boundary extends React.Component {
    /** @param {any} props */
    constructor(props) {
      super(props);
      this.state = { error: null, place: props.place };
    }
    /** @param {any} error */
    static getDerivedStateFromError(error) {
      return { error };
    }
    /** @param {any} props @param {any} state */
    static getDerivedStateFromProps(props, state) {
      return props.place === state.place ? null : { error: null, place: props.place };
    }
    render() {
      const error = /** @type {any} */ (this.state.error);
      if (!error) return this.props.children;
      return this.props.quiet ? null : h(Failure, { heading: "This page of Stash Port broke", text: String(error.message || error) });
    }
  }

  /** @param {{heading: string, text: string}} props */
  function Failure({ heading, text }) {
    return h(
      "div",
      { className: "stash-port", role: "alert" },
      h("h1", null, heading),
      h("p", null, text),
      h("p", null, "Nothing in your library was touched. If this stays after reloading the page, please report it."),
      h(Button, { onClick: () => window.location.reload() }, "Reload the page")
    );
  }

  /** @type {Promise<any> | null} */
  let pages = null;

  function load() {
    if (!pages) {
      pages = import(new URL(`plugin/stash_port/assets/app/${VERSION}/main.js`, document.baseURI).href);
      pages.catch(() => (pages = null));
    }
    return pages;
  }

  function Panel() {
    const place = useLocation().pathname;
    const [App, setApp] = React.useState(/** @type {any} */ (null));
    const [error, setError] = React.useState("");
    React.useEffect(() => {
      let here = true;
      load().then(
        (module) => here && setApp(() => module.App),
        (reason) => here && setError(String(reason.message || reason))
      );
      return () => {
        here = false;
      };
    }, []);
    if (error) return h(Failure, { heading: "Stash Port could not be loaded", text: `Its pages are not where they should be, most likely because the plugin was just updated. (${error})` });
    if (!App) return h(api.components.LoadingIndicator);
    return h(Boundary, { place }, h(App, { version: VERSION, home: HOME, Boundary }));
  }

  api.register.route(HOME, Panel);

  // Rendered twice by Stash (wide and narrow bar): no ids.
  function BarItem() {
    return h(
      NavLink,
      { to: HOME, className: "nav-utility btn minimal d-flex align-items-center stash-port-bar", title: "Stash Port", "aria-label": "Stash Port" },
      h(api.components.Icon, { icon })
    );
  }

  api.patch.before("MainNavBar.UtilityItems", (props) => [
    { ...props, children: h(React.Fragment, null, h(Boundary, { quiet: true }, h(BarItem)), props.children) },
  ]);

  /** Stash draws this section more than once: the one that comes first shows the entry. @type {object | null} */
  let owner = null;

  function ToolsItem() {
    const [mine, setMine] = React.useState(false);
    React.useLayoutEffect(() => {
      const me = {};
      if (!owner) {
        owner = me;
        setMine(true);
      }
      return () => {
        if (owner === me) owner = null;
      };
    }, []);
    const Setting = api.components.Setting;
    if (!mine || !Setting) return null;
    return h(Setting, {
      heading: h(Link, { to: HOME, className: "btn btn-primary" }, "Stash Port"),
      subHeading: "Export this library's metadata to a file",
    });
  }

  api.patch.before("SettingsToolsSection", (props) => [
    { ...props, children: h(React.Fragment, null, props.children, h(Boundary, { quiet: true }, h(ToolsItem))) },
  ]);
})();
