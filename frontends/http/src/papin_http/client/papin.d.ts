// The types of papin.js: the JSON of papin's HTTP API, by its own names.
// Sizes are in bytes, times are ISO 8601 in UTC, digests are SHA-256 in lower-case hex.

export interface ClientOptions {
  /** Where `papin serve` answers, for example "http://127.0.0.1:7274". */
  baseUrl: string | URL;
  /** The content of the token file that `papin serve` names when it starts. */
  token: string;
  /** What to use instead of the global `fetch`. */
  fetch?: typeof fetch;
}

export interface Client {
  /** All models: the installed ones, then the most downloaded that the catalogs have. */
  getAllModels(): Promise<ModelInfo[]>;

  /** The installed models. */
  getInstalledModels(): Promise<InstalledModel[]>;

  /**
   * Start a download. With an empty `url`, `modelId` is a reference ("starter:smollm2", "hf:org/repo:Q4_K_M");
   * otherwise the file at `url` becomes the model `modelId`. An empty `provider` leaves it to papin where the model
   * is usable.
   */
  downloadModel(modelId: string, url: string, provider: string, terms?: DownloadTerms): Promise<DownloadStatus>;

  /** What `downloadModel` would do: sizes, what is here already, and whether the rest fits. Nothing begins. */
  planDownload(modelId: string, url?: string): Promise<DownloadPlan>;

  /** All downloads that are remembered, the oldest first, whichever process runs them. */
  getDownloads(): Promise<DownloadStatus[]>;

  /** Stop a download until it is resumed; what arrived is kept. All of these take the id of a job, or of a model. */
  pauseDownload(jobId: string): Promise<DownloadStatus>;

  /** Go on with a download that was paused, interrupted, cancelled or failed. */
  resumeDownload(jobId: string, terms?: DownloadTerms): Promise<DownloadStatus>;

  /** End a download; what arrived is kept for the next try, or removed with `discard`. */
  cancelDownload(jobId: string, options?: { discard?: boolean }): Promise<DownloadStatus>;

  /** Limit how fast a download is, in bytes a second; null takes the limit away. It holds at once. */
  limitDownload(jobId: string, limit: number | null): Promise<DownloadStatus>;

  /** Limit how fast all downloads together are. */
  limitDownloads(limit: number | null): Promise<{ limit: number | null }>;

  /** The newest download of a model, by its id, by the reference or address it was started with, or by the job's id. */
  getDownloadStatus(modelId: string): Promise<DownloadStatus>;

  /** What the catalogs have, by words and filters: "coder arch:qwen3 size:<=8b fits:yes"; `online` asks them as well. */
  searchModels(query?: string, options?: { limit?: number; online?: boolean }): Promise<Found>;

  /** What the last word of a search may become. */
  completeSearch(query: string): Promise<string[]>;

  /** The rows to browse, with the first cards of each; then one of them, "recommended" also for a task: "code". */
  browseModels(): Promise<Row[]>;
  browseRow(row: string, options?: { limit?: number; task?: string }): Promise<Row>;

  /** Everything about a model that can be installed, and which of its variants to take here. */
  getModelPage(ref: string): Promise<ModelPage>;

  /** Ask the catalogs (all, or those named) for what is new. */
  refreshCatalogs(catalogs?: string[]): Promise<Refreshed[]>;

  /** Add a catalog of one's own, the whole path of a folder or the web address of an index, and read it; forget it. */
  addCatalog(name: string, address: string): Promise<Refreshed>;
  removeCatalog(name: string): Promise<Refreshed>;

  /** The updates that the last checks found; a check of one model or of all; bringing one in; going back. */
  getUpdates(): Promise<Update[]>;
  checkForUpdates(modelId?: string): Promise<UpdateCheck[]>;
  updateModel(modelId: string): Promise<DownloadStatus>;
  rollbackModel(modelId: string): Promise<Omit<InstalledModel, "installed">>;

  /** Change what is said of a model; what is left out stays. */
  editModel(modelId: string, changes: ModelChanges): Promise<Omit<InstalledModel, "installed">>;

  /** What is damaged of a model, and what bringing it in would fetch; bringing it in, or ERR_CONFLICT where nothing is. */
  planRepair(modelId: string): Promise<RepairPlan>;
  repairModel(modelId: string): Promise<DownloadStatus>;

  /** Measure how fast a model is on this machine, which takes seconds to minutes; aborting `signal` ends it. */
  measureModel(modelId: string, how?: { settings?: LoadSettings; provider?: string; signal?: AbortSignal }): Promise<Speed>;
  /** How fast it was measured to be, the latest first: the last time on each machine. */
  getSpeeds(modelId: string): Promise<Speed[]>;

  /**
   * Call `callback` for everything that happens from now on, across lost connections and without losing a recorded
   * event. Resolves once the stream is open, to a function that ends it.
   */
  registerModelRegistryEvents(callback: (event: ModelRegistryEvent) => void): Promise<() => void>;
}

export function createClient(options: ClientOptions): Client;

/** An error that papin told of. `status` is the HTTP status, or 0 when nobody answered. */
export class PapinError extends Error {
  readonly name: "PapinError";
  readonly code: string;
  readonly title: string;
  readonly status: number;
  readonly nextStep: string;
}

/** An error as it is recorded in a job or told by an event. */
export interface Problem {
  code: string;
  title: string;
  message: string;
  next_step?: string;
}

// --- models ---------------------------------------------------------------------------------------------------------

export type ModelInfo = InstalledModel | AvailableModel;

export type FileRole = "weights" | "mmproj" | "adapter" | "sidecar";

export interface StoredFile {
  name: string;
  sha256: string;
  size: number;
  role: FileRole;
  format: string;
  storage: string;
}

export interface Placement {
  provider: string;
  reference: string;
  how: "reflink" | "hardlink" | "symlink" | "in-place" | "copy";
}

/** A model on this machine; one that only a provider has is called `PROVIDER:NAME`, and its `source` is that provider. */
export interface InstalledModel {
  installed: true;
  id: string;
  ref: string;
  files: StoredFile[];
  installed_at: string;
  source: string;
  revision: string;
  format: string;
  architecture: string;
  parameters: number | null;
  quantization: string;
  context_length: number | null;
  license: string;
  capabilities: string[];
  favourite: boolean;
  tags: string[];
  collections: string[];
  settings: Record<string, string | number | boolean>;
  placements: Placement[];
  last_used_at: string | null;
  uses: number;
  size: number;
  /** Bytes of it that are stored a second time. */
  duplicated: number;
  /** Its files are on another machine, as far as can be seen. */
  elsewhere: boolean;
  /** The folder of this machine where its files lie, if papin may not read it; else empty. */
  unreadable: string;
}

export interface PackageSource {
  kind: "package";
  distribution: string;
  path: string;
}

export interface FileSource {
  kind: "file";
  path: string;
}

export interface HttpSource {
  kind: "http";
  url: string;
  user_named: boolean;
}

export interface WantedFile {
  name: string;
  sources: (PackageSource | FileSource | HttpSource)[];
  role: FileRole;
  size: number | null;
  sha256: string | null;
}

/** One installable build of a model. */
export interface Variant {
  ref: string;
  catalog: string;
  name: string;
  variant: string;
  files: WantedFile[];
  summary: string;
  license: string;
  architecture: string;
  parameters: number | null;
  quantization: string;
  bits_per_weight: number | null;
  context_length: number | null;
  capabilities: string[];
  format: string;
  revision: string;
  size: number | null;
}

/** A model that a catalog has; its first variant is the default choice. */
export interface AvailableModel {
  installed: false;
  id: string;
  ref: string;
  catalog: string;
  name: string;
  title: string;
  summary: string;
  license: string;
  architecture: string;
  parameters: number | null;
  capabilities: string[];
  context_length: number | null;
  formats: string[];
  variants: Variant[];
  base_model: string;
  publisher: string;
  homepage: string;
  access: "open" | "gated" | "private";
  downloads: number | null;
  likes: number | null;
  trending: number | null;
  created_at: string | null;
  updated_at: string | null;
  revision: string;
}

// --- discovery ------------------------------------------------------------------------------------------------------

export type Fit = "gpu" | "memory" | "no" | "unknown";

export interface Source {
  ref: string;
  catalog: string;
  publisher: string;
  downloads: number | null;
}

/** A model in a list, whichever catalogs have it. `memory` is what its smallest variant needs. */
export interface Card {
  entry: Omit<AvailableModel, "id" | "installed">;
  sources: Source[];
  fit: Fit;
  memory: number | null;
  /** Nobody tells how large it is: `fit` and `memory` are by its parameters. */
  guessed: boolean;
  installed: string[];
  why: string;
}

/** What a search found; `emptied_by` says which words or filters left nothing, `instead` what finds something for each. */
export interface Found {
  query: string;
  cards: Card[];
  more: boolean;
  emptied_by: string[];
  instead: Record<string, string[]>;
  entries: number;
  unasked: string[];
  stale: string[];
}

export interface Row {
  name: string;
  title: string;
  cards: Card[];
}

/** A variant as its model's page shows it. */
export interface Judged {
  variant: Variant;
  fit: Fit;
  memory: number | null;
  note: string;
  is_default: boolean;
  installed: string;
}

export interface ModelPage {
  entry: Omit<AvailableModel, "id" | "installed">;
  variants: Judged[];
  sources: Source[];
  installed: string[];
  header: Record<string, unknown> | null;
  problem: Problem | null;
}

/** What a refresh of a catalog brought. */
export interface Refreshed {
  catalog: string;
  changed: number;
  gone: number;
  refused: number;
  models: number;
  problem: Problem | null;
}

/** Another version of an installed model; `weights` tells whether more than its template or metadata is other. */
export interface Update {
  model: string;
  ref: string;
  weights: boolean;
  size: number | null;
  /** What would come in; an estimate where `reused` is above 0. */
  fetch: number | null;
  /** Bytes that are likely those of the version here, of which parts were compared; they are copied if all of them are. */
  reused: number;
  revision: string;
  revision_here: string;
}

export interface UpdateCheck {
  model: string;
  ref: string;
  outcome: "same" | "metadata" | "weights" | "unknown";
  update: Update | null;
  problem: Problem | null;
}

// --- downloads ------------------------------------------------------------------------------------------------------

export type JobState = "queued" | "running" | "paused" | "interrupted" | "completed" | "failed" | "cancelled";

export type Phase = "queued" | "resolving" | "downloading" | "verifying" | "committing" | "measuring";

export interface Progress {
  phase: Phase;
  done: number;
  total: number | null;
  /** Bytes a second over the last seconds. */
  speed: number | null;
  /** Seconds. */
  remaining: number | null;
  file: string;
  /** False while what comes could not be gone on with if it were ended. */
  resumable: boolean;
  /** Nothing came since then, once that is some seconds ago. */
  silent_since: string | null;
}

/** A download as it is recorded; `model` is the id of the installed model once it is known, and empty before. */
export interface DownloadStatus {
  id: string;
  kind: "download" | "import" | "verify";
  subject: string;
  state: JobState;
  created_at: string;
  updated_at: string;
  model: string;
  progress: Progress | null;
  error: Problem | null;
  /** What a queued download waits for, and until when, in words. */
  waiting: string;
  /** When that ends, where it is known. */
  waits_until: string | null;
  /** Bytes a second, for this download alone. */
  limit: number | null;
  /** The time of day at which alone it runs, `23:00-07:00`; empty for always. */
  between: string;
  /** What it got over: a source that was wrong, for example. */
  warnings: string[];
}

/** How a download runs; what is left out is as the configuration says, or as it was. */
export interface DownloadTerms {
  /** Bytes a second. */
  limit?: number;
  /** The time of day at which alone it runs, `23:00-07:00`, or `always`. */
  between?: string;
}

export interface PlannedFile {
  name: string;
  size: number | null;
  /** Bytes that are here already, complete; they are linked and not fetched. */
  present: number;
  /** Bytes that are left from an attempt before. */
  partial: number;
  /** Bytes that are likely those of the version before. */
  reused: number;
  /** The models that have the file too. */
  shared_with: string[];
}

/** A file system that a download would write to. */
export interface Space {
  path: string;
  free: number;
  /** What may be written. */
  usable: number;
  reserve: number;
  promised: number;
  limit: number | null;
  used: number;
}

/** What the user says of a model; a setting of null is taken away. */
export interface ModelChanges {
  favourite?: boolean;
  add_tags?: string[];
  remove_tags?: string[];
  add_collections?: string[];
  remove_collections?: string[];
  settings?: Record<string, string | number | boolean | null>;
}

/** How a model is loaded, by the names of llama.cpp; what is left out is as it is anyway. */
export interface LoadSettings {
  n_ctx?: number | null;
  n_gpu_layers?: number | null;
  n_threads?: number | null;
  n_parallel?: number | null;
  flash_attn?: boolean | null;
  cache_type_k?: string | null;
  cache_type_v?: string | null;
  /** Seconds of idleness; 0: unload after the answer, less: never. */
  keep_alive?: number | null;
}

/** How fast a model was: tokens of a prompt and of an answer, and how many of them in a second. */
export interface Speed {
  prompt_n: number;
  prompt_per_second: number;
  predicted_n: number;
  predicted_per_second: number;
  /** What measured it, and of which provider. */
  engine: string;
  provider: string;
  settings: LoadSettings;
  /** Processor, graphics and memory, in words. */
  machine: string;
  measured_at: string | null;
}

/** A file of an installed model that is not what it was. */
export interface DamagedFile {
  name: string;
  sha256: string;
  size: number;
  /** How it is damaged. */
  state: string;
  /** Bytes that bring it back. */
  fetch: number;
}

/** What repairing a model would bring in; no files where nothing is damaged. */
export interface RepairPlan {
  model: string;
  ref: string;
  files: DamagedFile[];
  fetch: number;
}

/** What a download would do, known before its first byte; an unknown size is null. */
export interface DownloadPlan {
  ref: string;
  model: string;
  files: PlannedFile[];
  size: number | null;
  /** What would come in; an estimate where something of a file is `reused`. */
  fetch: number | null;
  free: number;
  fits: boolean;
  spaces: Space[];
  /** The id of the model when it is there already. */
  installed: string;
}

// --- events ---------------------------------------------------------------------------------------------------------

/** Something that happened. What is not recorded (progress) has no `seq`. */
export interface ModelRegistryEvent {
  seq: number | null;
  at: string;
  event: KnownEvent | OtherEvent;
}

export type KnownEvent =
  | { type: "download_queued"; job: string; subject: string }
  | { type: "download_started"; job: string; subject: string; total: number | null }
  | { type: "download_progressed"; job: string; progress: Progress }
  | { type: "download_warned"; job: string; message: string }
  | { type: "download_completed"; job: string; model: string }
  | { type: "download_failed"; job: string; problem: Problem }
  | { type: "download_interrupted"; job: string }
  | { type: "download_paused"; job: string }
  | { type: "download_resumed"; job: string; subject: string }
  | { type: "download_cancelled"; job: string }
  | { type: "model_installed"; model: string; ref: string; size: number }
  | { type: "catalog_refreshed"; catalog: string; changed: number; gone: number }
  | { type: "model_update_available"; model: string; ref: string; weights: boolean; fetch: number | null }
  | { type: "model_changed"; model: string }
  | { type: "model_removed"; model: string; freed: number }
  | { type: "model_damaged"; model: string; file: string }
  | { type: "model_loading"; model: string; provider: string }
  | { type: "model_loaded"; model: string; provider: string }
  | { type: "model_load_failed"; model: string; provider: string; problem: Problem }
  | { type: "model_unloaded"; model: string; provider: string; reason: string }
  | { type: "provider_appeared"; provider: string }
  | { type: "provider_vanished"; provider: string }
  | { type: "provider_changed"; provider: string; added: string[]; removed: string[] }
  | { type: "disk_space_low"; path: string; free: number }
  | { type: "cleanup_done"; models: string[]; freed: number }
  | { type: "plugin_problem"; plugin: string; problem: Problem }
  | { type: "registry_rebuilt"; models: number; kept: string }
  | { type: "lagged"; missed: number };

/** An event of a plugin, or of a newer papin; its type has a dot or is none of those above. */
export interface OtherEvent {
  type: `${string}.${string}`;
  [field: string]: unknown;
}
