// The parts of Stash's PluginApi that the pages use, under short names. Nothing else in js/app touches window.PluginApi.

const api = window.PluginApi;

export const React = api.React;
export const h = React.createElement;
export const { Fragment, useState, useEffect, useMemo, useCallback, useRef } = React;

/** Stash's react-bootstrap 1.6 (Bootstrap 4). */
export const B = api.libraries.Bootstrap;
/** Stash's own components; some are there only after `useNative`. */
export const C = api.components;
export const GQL = api.GQL;
export const gql = api.libraries.Apollo.gql;
export const icons = api.libraries.FontAwesomeSolid;
export const { NavLink, Link, Switch, Route, Redirect, useHistory, useLocation, useParams } = api.libraries.ReactRouterDOM;
export const { useIntl } = api.libraries.Intl;

/** Where the panel lives; Stash's router adds a proxy's prefix itself. */
export const HOME = "/plugins/stash-port";

/** @returns {Client} */
export const client = () => api.utils.StashService.getClient();

/** Stash's drop-down with a search box, where its own pickers have no list to pick from. */
export const Select = api.libraries.ReactSelect.default;

/** Loads Stash's setting rows and folder picker. @returns {boolean} true while they are not there yet */
export const useNative = () => api.hooks.useLoadComponents([api.loadableComponents.Settings]);

/** Loads Stash's lists. @returns {boolean} true while they are not there yet */
export const useLists = () => api.hooks.useLoadComponents([api.loadableComponents.Tags]);

/**
 * An icon that only decorates: the word beside it says what it means.
 * @param {{icon: any, className?: string, spin?: boolean}} props
 */
export function Icon(props) {
  return h(C.Icon, { ...props, "aria-hidden": true });
}

/** An address of the server, with a proxy's prefix where there is one. @param {string} path without a leading slash */
export const serverUrl = (path) => new URL(path, document.baseURI).href;
