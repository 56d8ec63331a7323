// Bringing a run's file into the browser: a link into the plugin's assets, or pieces put together where links cannot be made.

import { B, Icon, h, icons, serverUrl, useEffect, useRef, useState } from "./host.js";
import { ask, PortError, problemOf } from "./ask.js";
import { percent, size } from "./words.js";

/** What a clipboard, and what it is pasted into, can be trusted with. */
export const CLIPBOARD_LIMIT = 5_000_000;

/** Browsers give it to pages that came by https, or from this machine. */
export const hasClipboard = () => Boolean(window.isSecureContext && navigator.clipboard);

/** @param {string} href @param {string} name */
function click(href, name) {
  const link = document.createElement("a");
  link.href = href;
  link.download = name;
  link.style.display = "none";
  document.body.appendChild(link);
  link.click();
  link.remove();
}

/** @param {string} text base64 */
function bytes(text) {
  const binary = atob(text);
  const out = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) out[i] = binary.charCodeAt(i);
  return out;
}

/** @param {string} href @returns {Promise<Response>} */
async function reached(href, /** @type {RequestInit} */ options = {}) {
  const answer = await fetch(href, { cache: "no-store", ...options });
  if (!answer.ok) throw new PortError({ error: "NotThere", message: `The file could not be fetched (the server answered ${answer.status}).`, hint: "It may have been moved or deleted on the server." });
  return answer;
}

/**
 * The pieces of an output, where no link to it can be made.
 * @param {string} run @param {number} output index @param {{chunks: number, size?: number}} offer
 * @param {(fraction: number) => void} [onProgress] @param {() => boolean} [wanted] false: leave it
 * @returns {Promise<Blob | null>}
 */
async function pieces(run, output, offer, onProgress, wanted) {
  /** @type {BlobPart[]} */
  const parts = [];
  let got = 0;
  for (let index = 0; index < offer.chunks; index += 1) {
    if (wanted && !wanted()) return null;
    const part = bytes((await ask({ mode: "chunk", run, output, index })).data);
    parts.push(part);
    got += part.length;
    if (onProgress) onProgress((index + 1) / offer.chunks);
  }
  if (typeof offer.size === "number" && got !== offer.size) {
    throw new PortError({ error: "Incomplete", message: `The file came incomplete: ${size(got)} of ${size(offer.size)}.`, hint: "Try again; it is still on the server." });
  }
  return new Blob(parts);
}

/**
 * @param {string} run @param {number} output index
 * @param {(fraction: number) => void} [onProgress] only where the file comes in pieces
 * @param {() => boolean} [wanted] false: leave it
 */
export async function fetchOutput(run, output, onProgress, wanted) {
  const answer = await ask({ mode: "download", run, output });
  if (answer.url) {
    const href = serverUrl(answer.url);
    // A link to nothing shows only in the browser's list of downloads: look first.
    const stop = new AbortController();
    await reached(href, { headers: { Range: "bytes=0-0" }, signal: stop.signal });
    stop.abort();
    click(href, answer.name);
    return;
  }
  const whole = await pieces(run, output, answer, onProgress, wanted);
  if (!whole) return;
  save(whole, answer.name);
}

/** Gives the browser a file that the page has made. @param {Blob} blob @param {string} name */
export function save(blob, name) {
  const href = URL.createObjectURL(blob);
  click(href, name);
  window.setTimeout(() => URL.revokeObjectURL(href), 60000);
}

/** @param {string} run @param {number} output index @returns {Promise<string>} */
async function textOf(run, output) {
  const answer = await ask({ mode: "download", run, output });
  if (answer.size > CLIPBOARD_LIMIT) throw tooLarge(answer.size);
  const blob = answer.url ? await (await reached(serverUrl(answer.url))).blob() : await pieces(run, output, answer);
  if (blob && blob.size > CLIPBOARD_LIMIT) throw tooLarge(blob.size);
  return new TextDecoder("utf-8", { fatal: true }).decode(blob ? await blob.arrayBuffer() : new ArrayBuffer(0));
}

/** @param {number} bytes */
const tooLarge = (bytes) => new PortError({ error: "TooLarge", message: `The export is too large for the clipboard: ${size(bytes)}, and ${size(CLIPBOARD_LIMIT)} is the limit.`, hint: "Download it instead." });

/**
 * A button that puts one output into the clipboard. `auto`: once, by itself.
 * @param {{run: string, index: number, auto?: boolean, onProblem: (problem: Problem | null) => void}} props
 */
export function CopyButton({ run, index, auto, onProblem }) {
  const [state, setState] = useState("");
  const here = useRef(true);
  /** @param {boolean} asked whether a person has pressed it */
  const start = async (asked) => {
    setState("busy");
    onProblem(null);
    try {
      const text = await textOf(run, index);
      try {
        await navigator.clipboard.writeText(text);
      } catch (error) {
        // Some browsers give the clipboard only to a press of a button, or to a window in front.
        if (here.current) setState("press");
        if (asked) throw new PortError({ error: "NoClipboard", message: "The browser did not give its clipboard.", hint: "Allow it for this page, or download the file instead." });
        return;
      }
      if (here.current) setState("done");
    } catch (error) {
      if (!here.current) return;
      onProblem(problemOf(error));
      setState((before) => (before === "press" ? before : ""));
    }
  };
  useEffect(() => {
    here.current = true;
    if (auto) start(false);
    return () => {
      here.current = false;
    };
  }, []);
  return h(
    "span",
    { className: "sp-clip" },
    h(B.Button, { variant: "primary", disabled: state === "busy", onClick: () => start(true) }, h(Icon, { icon: state === "done" ? icons.faCheck : icons.faCopy, className: "mr-2" }), state === "busy" ? "Copying…" : state === "done" ? "Copy again" : "Copy to the clipboard"),
    h("span", { role: "status", className: "ml-2" }, state === "done" ? "It is in your clipboard." : state === "press" ? "Press the button: the browser wants to be asked." : "")
  );
}

/**
 * A button that downloads one output. `auto`: once, by itself, as soon as it is drawn.
 * @param {{run: string, index: number, output: Output, primary?: boolean, auto?: boolean, label?: string, onProblem?: (problem: Problem | null) => void}} props
 */
export function DownloadButton({ run, index, output, primary, auto, label, onProblem }) {
  const [busy, setBusy] = useState("");
  const here = useRef(true);
  const begun = useRef(false);
  const start = async () => {
    setBusy("Fetching…");
    if (onProblem) onProblem(null);
    try {
      await fetchOutput(run, index, (fraction) => here.current && setBusy(`Fetching ${percent(fraction)}`), () => here.current);
    } catch (error) {
      if (here.current && onProblem) onProblem(problemOf(error));
    }
    if (here.current) setBusy("");
  };
  useEffect(() => {
    here.current = true;
    if (auto && !begun.current) {
      begun.current = true;
      start();
    }
    return () => {
      here.current = false;
    };
  }, []);
  const name = output.path.split(/[\\/]/).pop() || "file";
  return h(
    B.Button,
    { variant: primary ? "primary" : "secondary", disabled: Boolean(busy), onClick: start, "aria-label": label ? undefined : `Download ${name}` },
    h(Icon, { icon: icons.faDownload, className: "mr-2" }),
    busy || label || "Download"
  );
}

/** Opens a run's report in a new tab. @param {{run: string, onProblem: (problem: Problem | null) => void}} props */
export function ReportButton({ run, onProblem }) {
  const [busy, setBusy] = useState(false);
  const here = useRef(true);
  useEffect(
    () => () => {
      here.current = false;
    },
    []
  );
  const open = async () => {
    setBusy(true);
    onProblem(null);
    // The tab is opened by the click itself: later it would be taken for a pop-up.
    const tab = window.open("", "_blank");
    try {
      const answer = await ask({ mode: "report", run });
      const href = answer.url ? serverUrl(answer.url) : URL.createObjectURL(new Blob([answer.html], { type: "text/html" }));
      if (tab) {
        tab.opener = null;
        tab.location.replace(href);
      } else click(href, `${run}.html`);
    } catch (error) {
      if (tab) tab.close();
      if (here.current) onProblem(problemOf(error));
    }
    if (here.current) setBusy(false);
  };
  return h(B.Button, { variant: "secondary", disabled: busy, onClick: open }, h(Icon, { icon: icons.faFileLines, className: "mr-2" }), "Report", h(Icon, { icon: icons.faArrowUpRightFromSquare, className: "ml-2 sp-small" }), h("span", { className: "sr-only" }, " (opens in a new tab)"));
}
