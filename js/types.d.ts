// Types for the type checker only: the parts of Stash's PluginApi that the panel uses, and the shapes that the plugin's operations answer with.

/** A component: what React is given to draw. */
type Component<P = any> = (props: P) => Element_;
/** What a component draws. */
type Element_ = any;

interface ReactApi {
  createElement<P>(type: (props: P) => Element_, props: P & { key?: any }, ...children: any[]): Element_;
  createElement(type: any, props?: any, ...children: any[]): Element_;
  Fragment: any;
  Component: new (props: any) => { props: any; state: any; setState(state: any): void };
  Children: { toArray(children: any): any[]; forEach(children: any, each: (child: any) => void): void };
  useState<T>(initial: T | (() => T)): [T, (next: T | ((before: T) => T)) => void];
  useEffect(effect: () => void | (() => void), needs?: any[]): void;
  useLayoutEffect(effect: () => void | (() => void), needs?: any[]): void;
  useMemo<T>(make: () => T, needs: any[]): T;
  useCallback<T extends (...args: any[]) => any>(callback: T, needs: any[]): T;
  useRef<T>(initial: T): { current: T };
}

/** Stash's Apollo client. */
interface Client {
  query<T = any>(options: Record<string, any>): Promise<{ data: T; errors?: any[] }>;
  mutate<T = any>(options: Record<string, any>): Promise<{ data: T; errors?: any[] }>;
  subscribe<T = any>(options: Record<string, any>): { subscribe(observer: any): { unsubscribe(): void } };
  resetStore(): Promise<any>;
}

interface PluginApi {
  React: ReactApi;
  GQL: Record<string, any>;
  libraries: Record<"Bootstrap" | "Apollo" | "Intl" | "FontAwesomeSolid" | "ReactRouterDOM" | "ReactSelect", any>;
  components: Record<string, any>;
  loadableComponents: Record<string, any>;
  hooks: { useLoadComponents(list: any[]): boolean };
  utils: { StashService: { getClient(): Client } & Record<string, any> };
  register: { route(path: string, component: Component): void };
  patch: { before(name: string, patch: (...args: any[]) => any[]): void; instead(name: string, patch: (...args: any[]) => any): void };
}

interface Window {
  PluginApi: PluginApi;
}

/** What went wrong and what to do about it. */
interface Problem {
  error: string;
  message: string;
  hint?: string;
}

interface FieldInfo {
  name: string;
  label: string;
  type: string;
  privacy: string;
  reference: string | null;
}

interface KindInfo {
  name: string;
  plural: string;
  label: string;
  fields: FieldInfo[];
}

interface FormatOption {
  name: string;
  label: string;
  /** "boolean" or "text" */
  type: string;
  default: any;
  help: string;
}

interface FormatInfo {
  name: string;
  label: string;
  extension: string;
  description: string;
  compress: string[];
  folder: boolean;
  options: FormatOption[];
  /** texts to begin with, where the format takes one */
  examples?: { name: string; text: string }[];
}

/** How far a run is. */
interface Progress {
  phase?: string | null;
  step?: number | null;
  steps?: number | null;
  done?: number | null;
  total?: number | null;
  fraction?: number | null;
  rate?: number | null;
  remaining?: number | null;
}

/** One file that a run has written. */
interface Output {
  path: string;
  size?: number | null;
  what?: string | null;
}

/** A run as the list tells it; the whole record has more (`items`, `config`, ...). */
interface RunSummary {
  run: string;
  verb: string;
  state: string;
  result: string | null;
  started: string | null;
  finished: string | null;
  sentence?: string | null;
  notes?: Record<string, any> | null;
  progress?: Progress | null;
  /** kind -> outcome -> number */
  counts?: Record<string, Record<string, number>> | null;
  error?: Problem | null;
  outputs?: Output[] | null;
  warnings?: string[] | null;
}

interface RunRecord extends RunSummary {
  config?: Record<string, any> | null;
  /** the first few hundred */
  items?: Item[] | null;
  items_total?: number | null;
  reasons?: { kind: string; outcome: string; reason: string; n: number }[] | null;
  warnings_total?: number | null;
  source?: Record<string, any> | null;
}

/** One record that something is to be said about. */
interface Item {
  kind: string;
  id: string;
  outcome: string;
  reason: string;
}

/** The answer to the first question that the panel asks. */
interface Hello {
  version: string;
  kinds: KindInfo[];
  formats: FormatInfo[];
  folder: string;
  state: { writable: boolean; problem: string | null };
  runs: RunSummary[];
  presets?: Preset[];
  backup?: BackupNews;
}

/** How this library is backed up, as chosen once; it holds no secrets. */
interface Habits {
  vault?: string;
  keep?: Record<string, any>;
  proof?: string;
  compress?: string;
  secrets?: boolean;
  generated?: boolean;
  kind?: string;
}

/** What small files tell of the backups, without looking into the vault. */
interface BackupNews {
  habits: Habits;
  proven?: { id: string; time: string; level: string; vault: string; kind: string; records: number };
  /** a failure since the last good one */
  failed?: { time: string; reason: string; run: string | null };
  schedule?: Glance;
}

/** The timetable in short. */
interface Glance {
  overdue: { id: string; name: string; seconds: number }[];
  next: string | null;
  due: boolean;
  scheduled: number;
  problem: string;
  starter: Starter;
}

/** Whether something starts the next run. */
interface Starter {
  /** alive, dead or none */
  resident: string;
  timer: { kind: string; place: string } | null;
  /** yes, no or unknown */
  after_reboot: string;
  starts: boolean;
  text: string;
}

/** Who is told how a run of an entry ended. */
interface Notice {
  /** webhook, ntfy or deadman */
  kind: string;
  url: string;
  /** of webhook and ntfy: failed, partial, overdue, ok */
  on?: string[];
  /** of deadman: whether a failed run is told as well */
  fail?: boolean;
}

/** An entry of the timetable. */
interface PlanEntry {
  id: string;
  name: string;
  verb: string;
  schedule: Record<string, any>;
  /** its times, in words */
  text: string;
  config: Record<string, any>;
  enabled: boolean;
  lastFinished: string | null;
  lastGood: string | null;
  lastResult: string | null;
  lastRun: string | null;
  notices: Notice[];
  /** minutes behind others in Stash's queue */
  maxWait: number;
  running: boolean;
  next: string[];
  /** seconds */
  overdue: number | null;
}

/** What would be set up so that the machine itself starts what is due. */
interface InstallTexts {
  kind: string;
  texts: Record<string, string>;
  commands: string[];
  remarks: string[];
  /** after it was asked for: places, commands that were run, and what is left to do by hand */
  written: string[];
  done: string[];
  todo: string[];
}

/** A backup as the vault's cards tell of it. */
interface Backup {
  id: string;
  time: string;
  instance: string;
  /** what is wrong with its card; most else is empty then */
  problem: string;
  kind?: string;
  counts?: Record<string, number>;
  images?: { count: number; new: number; newBytes: number };
  stash?: string;
  schema?: number;
  encrypted?: boolean;
  damaged?: boolean;
  incomplete?: boolean;
  note?: string;
  run?: string;
  pinned: boolean;
  size: number;
  records: number;
  /** none, quick, full, drill or failed */
  level: string;
  proven?: string;
  images_proven?: string;
  problems: any[];
  keep: boolean;
  reasons: string[];
}

/** What a vault holds. */
interface Listing {
  place: string;
  exists: boolean;
  encrypted: boolean;
  key: string | null;
  size: number;
  imageSize?: number;
  backups: Backup[];
  /** names by id */
  instances: Record<string, string>;
  /** where the place is: in Stash's own folder, on its disk, in a container that goes; "" where nothing speaks against it */
  near?: string;
  /** of an encrypted vault: whether its owner showed that they hold its secret; null: this machine does not know it yet */
  confirmed?: boolean | null;
  /** a vault was known here, and now there is none */
  missing?: boolean;
}

/** A choice kept under a name on the server; holds no secrets. */
interface Preset {
  name: string;
  config: Record<string, any>;
}

/** A job of Stash's queue. */
interface Job {
  id: string;
  status: string;
  description: string;
  progress: number | null;
  error: string | null;
}

/** What a picker gave. */
interface Named {
  id: string;
  name: string;
}

type PickedKind = "tags" | "performers" | "studios" | "groups" | "galleries";
/** "": it does not matter */
type YesNo = "" | "yes" | "no";

/** Which records, by what is known about them. What is empty chooses nothing. */
interface Filters extends Record<PickedKind, Named[]> {
  /** of several: whether a record needs one of them or all */
  modes: Record<PickedKind, "any" | "all">;
  subTags: boolean;
  subStudios: boolean;
  subGroups: boolean;
  text: string;
  dateFrom: string;
  dateUntil: string;
  createdFrom: string;
  createdUntil: string;
  updatedFrom: string;
  updatedUntil: string;
  /** as typed */
  ratingMin: string;
  ratingMax: string;
  organized: YesNo;
  favorite: YesNo;
  /** "scenes.details" */
  has: string[];
  misses: string[];
}

/** The records of one kind that one of Stash's own lists or saved filters names. */
interface ListChoice {
  from: "saved" | "list" | "preset";
  /** the saved filter's name, or the list's filter in words */
  name: string;
  /** exactly as Stash's API takes it; null: not known yet, or `ids` say it */
  filter: Record<string, any> | null;
  ids: string[] | null;
  /** the words of its own search box, for its kind alone */
  q?: string;
  /** the saved filter is not there any more */
  gone?: boolean;
  /** Stash's own page could not read it */
  unreadable?: boolean;
}

type Place = "browser" | "server" | "url" | "clipboard";
type Privacy = "full" | "share" | "anonymous";
type Encryption = "none" | "passphrase" | "recipients" | "7z";

/** What a person has chosen on the export page; kept for the next visit. Secrets are no part of it. */
interface Choice {
  format: string;
  /** plurals of the kinds that are left out */
  without: string[];
  /** plural -> names of the fields that are left out */
  withoutFields: Record<string, string[]>;
  related: string;
  filters: Filters;
  /** by plural */
  lists: Record<string, ListChoice>;
  includeFiles: boolean;
  images: boolean;
  privacy: Privacy;
  excludePersonalData: boolean;
  keepPaths: boolean;
  keepIdentifying: boolean;
  /** names, whatever the kind */
  excludeFields: string[];
  encryption: Encryption;
  /** one a line */
  recipients: string;
  compress: string;
  place: Place;
  to: string;
  overwrite: boolean;
  url: string;
  method: "PUT" | "POST";
  sign: boolean;
  /** as typed */
  chunkSize: string;
  maxFileSize: string;
  /** format -> option -> value */
  options: Record<string, Record<string, any>>;
  reader: string;
}

/** What is typed on the page and kept nowhere. */
interface Secrets {
  passphrase: string;
  again: string;
  signature: string;
}

/** What "Export these…" hands over from one of Stash's lists, as plain JSON. */
interface ListState {
  mode: string;
  q: string;
  filter: Record<string, any>;
  ids: string[];
  /** the list's filter as Stash words it */
  words: string[];
  /** something was ticked, and nobody can tell what */
  lost?: boolean;
}

/** A row of findSavedFilters. */
interface SavedFilter {
  id: string;
  mode: string;
  name: string;
  find_filter: any;
  object_filter: any;
  ui_options: any;
}

/** A record as it is and as it would leave. */
interface PreviewRecord {
  kind: string;
  before: Record<string, any>;
  after: Record<string, any>;
}

/** Records for each kind (by plural) that the library holds now; null where nobody can tell without reading. */
type Counts = Record<string, number | null>;

/** A run that this browser tab follows. */
interface Following {
  run: string;
  job: string | null;
  /** fetch the file when it is ready */
  download: boolean;
  /** and put it into the clipboard */
  copy?: boolean;
  since: number;
  /** what was asked for, as a sentence */
  what?: string;
  /** its end has been seen */
  over?: boolean;
}

/** Which records a restore reads, and how it writes them. */
interface Wish {
  from: "newest" | "backup" | "file";
  /** id of one in the usual vault */
  backup: string;
  /** a path on the server, an address of a Stash, or VAULT#ID */
  file: string;
  what: "all" | "some" | "fields";
  /** kinds and filters, for "some"; filters alone, for "fields" */
  part: Choice;
  /** "scenes.rating100" */
  fields: string[];
  strategy: string;
  method: string;
  files: "scan" | "create";
  settings: boolean;
  salvage: boolean;
  paths: PathRule[];
}

interface PathRule {
  from: string;
  to: string;
}

/** What would be done, as the run that planned it tells it. */
interface PlanFacts {
  file: string;
  sha256: string;
  /** plural -> create, update, delete, conflict, deferred, skip, unchanged -> records */
  totals: Record<string, Record<string, number>>;
  /** plural -> field -> records that get another value of it */
  fields: Record<string, Record<string, number>>;
  /** "scenes.created_at" */
  losses: Record<string, { number: number; reason: string }>;
  conflicts: number;
  waiting: number;
  writes: number;
  seconds: number;
  /** conflict, deferred, skip -> [kind, reason, number] */
  reasons: Record<string, [string, string, number][]>;
  rollback: { backupLocation: string; rollbackOperations: Record<string, Record<string, number>>; verificationSteps: string[] };
  hooks?: { plugin: string; name: string }[];
  /** where most of what waits for its files was */
  folders?: string[];
  /** the backup's whole database is loaded into an empty library at once */
  whole?: boolean;
}

interface PlanChange {
  field: string;
  label: string;
  before: any;
  after: any;
  reason: string;
}

interface PlanClash {
  field: string;
  label: string;
  /** counts the clashes of one field, from 0 */
  part: number;
  mine: any;
  theirs: any;
  base: any;
  reason: string;
}

interface Candidate {
  number: number;
  name: string;
}

/** What would be done to one record. */
interface PlanStep {
  number: number;
  kind: string;
  action: string;
  /** "scene:5" in the backup; "" where none says so */
  source: string;
  /** "scene:17" in the library; below 0 for one that the plan makes */
  target: string;
  name: string;
  tier: string;
  reason: string;
  record?: Record<string, any> | null;
  changes: PlanChange[];
  clashes: PlanClash[];
  candidates: { source: Candidate[]; target: Candidate[] } | null;
}

/** Which of two values is taken: source, target, both, or value. */
interface Take {
  take: string;
  value?: any;
}

/** What was decided about the conflicts of a plan. */
interface Decisions {
  pairs: { kind: string; source: number; target: number }[];
  new: { kind: string; source: number }[];
  leave: { kind: string; source: number }[];
  fields: ({ kind: string; source: number; field: string; part: number } & Take)[];
  like: ({ kind: string; field: string } & Take)[];
}
