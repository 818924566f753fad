// A user of papin.js: must compile with --strict as it stands, expected errors included.
import { createClient, PapinError } from "./papin.js";
import type { AvailableModel, Client, DownloadPlan, DownloadStatus, InstalledModel, ModelInfo, ModelRegistryEvent, RepairPlan, Speed } from "./papin.js";

const papin: Client = createClient({ baseUrl: "http://127.0.0.1:7274", token: "t" });

// The five functions have exactly the signatures of the manual.
const getAllModels: () => Promise<ModelInfo[]> = papin.getAllModels;
const getInstalledModels: () => Promise<ModelInfo[]> = papin.getInstalledModels;
const downloadModel: (modelId: string, url: string, provider: string) => Promise<DownloadStatus> = papin.downloadModel;
const getDownloadStatus: (modelId: string) => Promise<DownloadStatus> = papin.getDownloadStatus;
const registerModelRegistryEvents: (callback: (event: ModelRegistryEvent) => void) => Promise<() => void> =
  papin.registerModelRegistryEvents;

function describe(model: ModelInfo): string {
  if (model.installed) {
    const here: InstalledModel = model;
    return `${here.id} ${here.size} ${here.files[0]?.sha256 ?? ""}`;
  }
  const there: AvailableModel = model;
  return `${there.title} ${there.variants[0]?.quantization ?? ""}`;
}

function percent(status: DownloadStatus): number | null {
  if (status.state === "failed") throw new Error(status.error?.message);
  if (status.progress?.total == null) return null;
  return (100 * status.progress.done) / status.progress.total;
}

function told({ seq, event }: ModelRegistryEvent): string {
  switch (event.type) {
    case "download_progressed":
      return `${event.job}: ${event.progress.done}`;
    case "model_installed":
      return `${seq}: ${event.model} ${event.size}`;
    case "lagged":
      return `missed ${event.missed}`;
    default:
      return event.type;
  }
}

try {
  const stop = await registerModelRegistryEvents((event) => console.log(told(event)));
  console.log((await getAllModels()).map(describe), (await getInstalledModels()).map(describe));
  console.log(percent(await downloadModel("starter:smollm2", "", "")), percent(await getDownloadStatus("smollm2")));
  stop();
} catch (error) {
  if (error instanceof PapinError) console.error(error.code, error.nextStep, error.status);
}

const plan: DownloadPlan = await papin.planDownload("starter:smollm2");
const job = await papin.downloadModel("starter:smollm2", "", "", { limit: 5_000_000, between: "23:00-07:00" });
console.log(plan.fits, plan.files[0]?.partial, plan.spaces[0]?.usable, (await papin.getDownloads()).length);
await papin.limitDownload(job.id, null);
await papin.limitDownloads(1_000_000);
for (const each of [await papin.pauseDownload(job.id), await papin.resumeDownload(job.id, { between: "always" })]) {
  console.log(each.waiting, each.waits_until, each.warnings.join());
}
console.log((await papin.editModel("smollm2", { favourite: true, add_tags: ["small"], settings: { n_ctx: null } })).tags);
const repair: RepairPlan = await papin.planRepair("smollm2");
if (repair.files.length > 0) console.log(repair.fetch, (await papin.repairModel(repair.model)).state);
const speed: Speed = await papin.measureModel("smollm2", { settings: { n_ctx: 4096 }, signal: AbortSignal.timeout(60_000) });
console.log(speed.predicted_per_second, (await papin.getSpeeds("smollm2"))[0]?.measured_at ?? "never");
await papin.cancelDownload(job.id);
await papin.cancelDownload(job.id, { discard: true });

// @ts-expect-error a limit is a number of bytes
papin.limitDownload(job.id, "5MB");
// @ts-expect-error a context is a number of tokens
papin.measureModel("smollm2", { settings: { n_ctx: "4096" } });
// @ts-expect-error a client needs a token
createClient({ baseUrl: "http://127.0.0.1:7274" });
// @ts-expect-error a download has an address and a provider, empty ones perhaps
papin.downloadModel("smollm2");
// @ts-expect-error only installed models have a size of their own
((model: ModelInfo) => model.size)((await getAllModels())[0]!);
// @ts-expect-error there is no such state
((status: DownloadStatus) => status.state === "done")(await getDownloadStatus("smollm2"));
