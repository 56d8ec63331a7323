// Values of records as a person reads them, what two lists have in common, and the words in which two texts differ. Pure.

import { capital, count, moment } from "./words.js";

/** @typedef {(reference: string) => string} NameOf */

/** Seconds as a place in a film: "1:02:05". @param {number} seconds */
function clockOf(seconds) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60].map((one) => String(one).padStart(2, "0"));
  return parts.join(":").replace(/^(00:0?|0)/, "");
}

const REFERENCE = /^(tag|studio|performer|group|gallery|scene|image|file|folder|saved_filter):-?\d+$/;

/** @param {any} value @returns {value is string} */
export const isReference = (value) => typeof value === "string" && REFERENCE.test(value);

/** One row of a list, such as a marker. @param {Record<string, any>} row @param {NameOf} nameOf */
function rowText(row, nameOf) {
  const parts = Object.entries(row).filter(([, value]) => value !== null && value !== "" && !(Array.isArray(value) && !value.length));
  return parts.map(([key, value]) => (key === "seconds" || key === "end_seconds" ? `${key === "seconds" ? "at" : "to"} ${clockOf(value)}` : isReference(value) || key === "title" ? simple(value, nameOf) : `${key.replace(/_/g, " ")}: ${simple(value, nameOf)}`)).join(", ");
}

/** @param {any} value @param {NameOf} nameOf @param {string} [type] @returns {string} */
function simple(value, nameOf, type = "") {
  if (value === null || value === undefined) return "";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return type === "int" && value > 9999 ? count(value) : String(value);
  if (Array.isArray(value)) return value.map((one) => simple(one, nameOf)).join(", ");
  if (typeof value === "object") return rowText(value, nameOf);
  if (isReference(value)) return nameOf(value);
  if (type === "time" || type === "times") return moment(value);
  if (/^md5:/.test(value)) return `a picture (${value.slice(4, 10)}…)`;
  return value;
}

/** A value as one text; "" for nothing. @param {any} value @param {FieldInfo | undefined} field @param {NameOf} nameOf @returns {string} */
export function shown(value, field, nameOf) {
  return itemsOf(value, field, nameOf).join(field && field.type === "rows" ? "\n" : ", ");
}

/** The items of a list, each as a text; a single value is a list of one. @param {any} value @param {FieldInfo | undefined} field @param {NameOf} nameOf @returns {string[]} */
export function itemsOf(value, field, nameOf) {
  if (value === null || value === undefined || value === "") return [];
  const type = field ? field.type : "";
  if (Array.isArray(value)) return value.map((one) => simple(one, nameOf, type));
  if (type === "map" && typeof value === "object") return Object.entries(value).map(([key, one]) => `${key}: ${simple(one, nameOf)}`);
  return [simple(value, nameOf, type)];
}

/** What goes, what comes, and how many stay, of two lists in which items may be more than once. @param {string[]} before @param {string[]} after */
export function difference(before, after) {
  const left = [...before];
  const comes = after.filter((one) => {
    const at = left.indexOf(one);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  return { goes: left, comes, stay: before.length - left.length };
}

const MOST = 400;

/** Two texts in pieces; `same`: the other has this piece too. Long ones are one piece each. @param {string} one @param {string} other @returns {{text: string, same: boolean}[][]} */
export function marked(one, other) {
  const [a, b] = [one, other].map((text) => text.split(/(\s+)/).filter(Boolean));
  if (a.length > MOST || b.length > MOST) return [[{ text: one, same: true }], [{ text: other, same: true }]];
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) lengths[i][j] = a[i] === b[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
  }
  const found = [/** @type {boolean[]} */ ([]), /** @type {boolean[]} */ ([])];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      found[0][i++] = true;
      found[1][j++] = true;
    } else if (j >= b.length || (i < a.length && lengths[i + 1][j] >= lengths[i][j + 1])) found[0][i++] = false;
    else found[1][j++] = false;
  }
  // Where nothing but blanks is shared, marks say nothing.
  if (!a.some((text, index) => found[0][index] && text.trim())) return [[{ text: one, same: true }], [{ text: other, same: true }]];
  return [a, b].map((tokens, side) => joined(tokens.map((text, index) => ({ text, same: found[side][index] }))));
}

/** Neighbours of one sort, put together. @param {{text: string, same: boolean}[]} pieces */
function joined(pieces) {
  /** @type {{text: string, same: boolean}[]} */
  const out = [];
  for (const piece of pieces) {
    const [last, before] = out.slice(-2).reverse();
    // A blank between two that differ goes with them.
    if (last && before && !piece.same && !before.same && !last.text.trim()) {
      before.text += last.text + piece.text;
      out.pop();
    } else if (last && last.same === piece.same) last.text += piece.text;
    else out.push({ ...piece });
  }
  return out;
}

/** The name of a kind for one or many. @param {Hello} hello @param {string} kind "scene" @param {number} [n] */
export function kindWord(hello, kind, n = 1) {
  const known = hello.kinds.find((one) => one.name === kind);
  return n !== 1 && known ? known.label : capital(kind.replace(/_/g, " "));
}

/** @param {Hello} hello @param {string} kind @param {string} field @returns {FieldInfo | undefined} */
export const fieldOf = (hello, kind, field) => hello.kinds.find((one) => one.name === kind)?.fields.find((one) => one.name === field);
