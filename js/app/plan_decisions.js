// Decisions about the conflicts of a plan, in the form that the back end keeps. Pure: every change gives new decisions.

/** @returns {Decisions} */
export const noDecisions = () => ({ pairs: [], new: [], leave: [], fields: [], like: [] });

/** What came from the server, whole. @param {any} kept @returns {Decisions} */
export const wholeDecisions = (kept) => ({ ...noDecisions(), ...kept });

/** "scene:5" -> 5. @param {string} reference */
export const numberOf = (reference) => Number(reference.slice(reference.indexOf(":") + 1));

/** @param {{kind: string, source: number, field: string, part?: number}} one @param {string} kind @param {number} source @param {PlanClash} clash */
const isAbout = (one, kind, source, clash) => one.kind === kind && one.source === source && one.field === clash.field && (one.part === undefined || one.part === clash.part);

/** The rule for all of a field. @param {Decisions} decisions @param {string} kind @param {string} field @returns {Take | undefined} */
export const likeOf = (decisions, kind, field) => decisions.like.find((one) => one.kind === kind && one.field === field);

/** @param {Decisions} decisions @param {PlanStep} step @param {PlanClash} clash @returns {{taken: Take, rule: boolean} | null} `rule`: only because all like it were decided */
export function takenOf(decisions, step, clash) {
  const own = decisions.fields.find((one) => isAbout(one, step.kind, numberOf(step.source), clash));
  if (own) return { taken: own, rule: false };
  const rule = likeOf(decisions, step.kind, clash.field);
  return rule ? { taken: rule, rule: true } : null;
}

/** @param {Decisions} decisions @param {PlanStep} step @param {PlanClash} clash @param {Take | null} take null: undecided @returns {Decisions} */
export function withTake(decisions, step, clash, take) {
  const source = numberOf(step.source);
  const fields = decisions.fields.filter((one) => !isAbout(one, step.kind, source, clash));
  if (take) fields.push({ kind: step.kind, source, field: clash.field, part: clash.part, ...take });
  return { ...decisions, fields };
}

/** @param {Decisions} decisions @param {string} kind @param {string} field @param {Take | null} take null: no rule @returns {Decisions} */
export function withLike(decisions, kind, field, take) {
  const like = decisions.like.filter((one) => one.kind !== kind || one.field !== field);
  if (take) like.push({ kind, field, take: take.take, ...("value" in take ? { value: take.value } : {}) });
  return { ...decisions, like };
}

/** Which record of the library one of the backup was said to be: its number, "new", "leave", or null. @param {Decisions} decisions @param {string} kind @param {number} source @returns {number | "new" | "leave" | null} */
export function identityOf(decisions, kind, source) {
  /** @param {{kind: string, source: number}} one */
  const same = (one) => one.kind === kind && one.source === source;
  const pair = decisions.pairs.find(same);
  return pair ? pair.target : decisions.new.some(same) ? "new" : decisions.leave.some(same) ? "leave" : null;
}

/** @param {Decisions} decisions @param {string} kind @param {number} source @param {number | "new" | "leave" | null} what @returns {Decisions} */
export function withIdentity(decisions, kind, source, what) {
  /** @param {{kind: string, source: number}} one */
  const other = (one) => one.kind !== kind || one.source !== source;
  const next = { ...decisions, pairs: decisions.pairs.filter(other), new: decisions.new.filter(other), leave: decisions.leave.filter(other) };
  if (typeof what === "number") next.pairs.push({ kind, source, target: what });
  else if (what) next[what].push({ kind, source });
  return next;
}

/** The record of the backup that a record of the library was given to. @param {Decisions} decisions @param {string} kind @param {number} target */
export const givenTo = (decisions, kind, target) => decisions.pairs.find((one) => one.kind === kind && one.target === target);

/** @param {Decisions} decisions @param {PlanStep} step */
export function isDecided(decisions, step) {
  if (step.candidates) return step.candidates.source.every((one) => identityOf(decisions, step.kind, one.number) !== null);
  return step.clashes.every((clash) => takenOf(decisions, step, clash));
}

/** How many were made. @param {Decisions} decisions */
export const decisionsMade = ({ pairs, new: fresh, leave, fields, like }) => pairs.length + fresh.length + leave.length + fields.length + like.length;
