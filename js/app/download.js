// Bringing a run's file into the browser: a link into the plugin's assets, or pieces put together where links cannot be made.

import { B, Icon, h, icons, serverUrl, useEffect, useRef, useState } from "./host.js";
import { ask, PortError, problemOf } from "./ask.js";
import { percent, size } from "./words.js";

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
    const probe = await fetch(href, { headers: { Range: "bytes=0-0" }, cache: "no-store", signal: stop.signal });
    stop.abort();
    if (!probe.ok) throw new PortError({ error: "NotThere", message: `The file could not be fetched (the server answered ${probe.status}).`, hint: "It may have been moved or deleted on the server." });
    click(href, answer.name);
    return;
  }
  /** @type {BlobPart[]} */
  const parts = [];
  let got = 0;
  for (let index = 0; index < answer.chunks; index += 1) {
    if (wanted && !wanted()) return;
    const part = bytes((await ask({ mode: "chunk", run, output, index })).data);
    parts.push(part);
    got += part.length;
    if (onProgress) onProgress((index + 1) / answer.chunks);
  }
  if (typeof answer.size === "number" && got !== answer.size) {
    throw new PortError({ error: "Incomplete", message: `The file came incomplete: ${size(got)} of ${size(answer.size)}.`, hint: "Try again; it is still on the server." });
  }
  const href = URL.createObjectURL(new Blob(parts));
  click(href, answer.name);
  window.setTimeout(() => URL.revokeObjectURL(href), 60000);
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
