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
  const { NavLink, Link, useHistory, useLocation } = api.libraries.ReactRouterDOM;
  const { useIntl } = api.libraries.Intl;
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

  // --- "Export these…" on Stash's lists -------------------------------------------------------------------------------------------------

  const EXPORT_THESE = "Export these…";

  /** What a list shows or has ticked, as plain JSON. @param {any} filter Stash's ListFilterModel @param {Iterable<string>} ids @param {any} intl @param {boolean} [lost] */
  function listState(filter, ids, intl, lost) {
    /** @type {string[]} */
    let words = [];
    try {
      words = filter.criteria.map((/** @type {any} */ one) => String(one.getLabel(intl)));
    } catch (error) {
      // the filter itself is what counts
    }
    return { port: JSON.parse(JSON.stringify({ mode: filter.mode, q: filter.makeFindFilter().q || "", filter: filter.makeFilter(), ids: [...ids], words, lost })) };
  }

  /** @param {string} list @param {string} prop the list's extra entries */
  function addTo(list, prop) {
    // Stash calls this while it draws the list: hooks may be used.
    api.patch.before(list, (props, ...others) => {
      const history = useHistory();
      const intl = useIntl();
      const entry = { text: EXPORT_THESE, onClick: async (/** @type {any} */ _, /** @type {any} */ filter, /** @type {Set<string>} */ ids) => history.push(`${HOME}/export`, listState(filter, ids, intl)) };
      return [{ ...props, [prop]: [...(props[prop] || []), entry] }, ...others];
    });
  }
  for (const list of ["PerformerList", "StudioList", "TagList", "GalleryList", "ImageList"]) addTo(list, "extraOperations");
  addTo("GroupList", "otherOperations");

  // Scenes: the entries know neither filter nor what is ticked. The filter passes by in the sidebar, which is drawn even while it is hidden.
  /** @type {{filter: any, hook: any} | null} */
  let sceneList = null;
  api.patch.before("FilteredSceneList.SidebarSections", (props, ...others) => {
    /** @type {any} */
    let filter = null;
    /** @type {any} */
    let hook = null;
    React.Children.forEach(props.children, (child) => {
      if (!child || !child.props) return;
      filter = filter || child.props.filter;
      hook = hook || child.props.filterHook;
    });
    if (filter) sceneList = { filter, hook };
    return [props, ...others];
  });

  /** What is ticked has no public place: it is looked for in the components around. @param {any} element @returns {string[] | null} null: not found */
  function tickedScenes(element) {
    try {
      const key = Object.keys(element).find((one) => one.startsWith("__reactFiber$"));
      for (let fiber = key && element[key]; fiber; fiber = fiber.return) {
        const select = fiber.memoizedProps && fiber.memoizedProps.listSelect;
        if (select && select.selectedIds) return [...select.selectedIds];
      }
    } catch (error) {
      // another version of React
    }
    return null;
  }

  /** @param {{props: any, next: Component}} given */
  function SceneOperations({ props, next }) {
    const history = useHistory();
    const intl = useIntl();
    const mark = React.useRef(/** @type {any} */ (null));
    const onClick = () => {
      if (!sceneList) return;
      const filter = sceneList.hook ? sceneList.hook(sceneList.filter.clone()) : sceneList.filter;
      const ids = props.hasSelection ? tickedScenes(mark.current) : [];
      history.push(`${HOME}/export`, listState(filter, ids || [], intl, !ids));
    };
    return h(React.Fragment, null, h("span", { ref: mark, hidden: true }), next({ ...props, operations: [...(props.operations || []), { text: EXPORT_THESE, onClick }] }));
  }
  api.patch.instead("SceneListOperations", (...args) => h(SceneOperations, { props: args[0], next: args[args.length - 1] }));
})();
