// The names behind references such as tag:17, asked of this Stash by the browser, a page of a plan at a time.

import { client, gql, useEffect, useState } from "./host.js";
import { isReference } from "./plan_values.js";

/** kind -> how Stash tells the names of some of them. @type {Record<string, string>} */
const ASKED = {
  tag: "findTags(ids: $tag, filter: { per_page: -1 }) { all: tags { id name } }",
  studio: "findStudios(ids: $studio, filter: { per_page: -1 }) { all: studios { id name } }",
  performer: "findPerformers(ids: $performer, filter: { per_page: -1 }) { all: performers { id name disambiguation } }",
  group: "findGroups(ids: $group, filter: { per_page: -1 }) { all: groups { id name } }",
  gallery: "findGalleries(ids: $gallery, filter: { per_page: -1 }) { all: galleries { id title folder { path } files { path } } }",
  scene: "findScenes(ids: $scene, filter: { per_page: -1 }) { all: scenes { id title files { path } } }",
  image: "findImages(ids: $image, filter: { per_page: -1 }) { all: images { id title visual_files { ... on BaseFile { path } } } }",
};

/** @param {any} value @param {Set<string>} found */
function gather(value, found) {
  if (isReference(value)) found.add(value);
  else if (Array.isArray(value)) value.forEach((one) => gather(one, found));
  else if (value && typeof value === "object") Object.values(value).forEach((one) => gather(one, found));
}

/** @param {any} one */
function nameOf(one) {
  const path = one.folder?.path || one.files?.[0]?.path || one.visual_files?.[0]?.path || "";
  return one.name ? `${one.name}${one.disambiguation ? ` (${one.disambiguation})` : ""}` : one.title || path.split(/[\\/]/).pop();
}

/** @param {string[]} references @returns {Promise<Record<string, string>>} */
async function read(references) {
  /** @type {Record<string, string[]>} */
  const ids = {};
  for (const one of references) {
    const [kind, number] = one.split(":");
    if (ASKED[kind] && Number(number) > 0) (ids[kind] ||= []).push(number);
  }
  const kinds = Object.keys(ids);
  if (!kinds.length) return {};
  const { data } = await client().query({
    query: gql(`query StashPortNames(${kinds.map((kind) => `$${kind}: [ID!]`).join(", ")}) { ${kinds.map((kind) => `${kind}: ${ASKED[kind]}`).join("\n")} }`),
    variables: ids,
    fetchPolicy: "no-cache",
  });
  return Object.fromEntries(kinds.flatMap((kind) => data[kind].all.map((/** @type {any} */ one) => [`${kind}:${one.id}`, nameOf(one)])));
}

/**
 * A function that gives the names of what steps refer to: at once their numbers, a moment later their names.
 * @param {PlanStep[]} steps @returns {(reference: string) => string}
 */
export function useNames(steps) {
  const [names, setNames] = useState(/** @type {Record<string, string>} */ ({}));
  /** @type {Set<string>} */
  const found = new Set();
  for (const step of steps) {
    gather([step.changes.map((one) => [one.before, one.after]), step.clashes.map((one) => [one.mine, one.theirs, one.base]), step.record || null], found);
    if (step.candidates) for (const one of step.candidates.target) found.add(`${step.kind}:${one.number}`);
  }
  const missing = [...found].filter((one) => !(one in names)).sort();
  useEffect(() => {
    if (!missing.length) return undefined;
    let here = true;
    read(missing).then(
      (fresh) => here && setNames((before) => ({ ...before, ...Object.fromEntries(missing.map((one) => [one, fresh[one] || ""])) })),
      // Numbers say it too.
      () => undefined
    );
    return () => {
      here = false;
    };
  }, [missing.join(" ")]);
  const made = new Map(steps.filter((step) => step.target.includes(":-")).map((step) => [step.target, step.name]));
  return (reference) => {
    const [kind, number] = reference.split(":");
    if (Number(number) < 0) return made.get(reference) || `a ${kind} that is created (${-Number(number)} in the backup)`;
    return names[reference] || `${kind} ${number}`;
  };
}
