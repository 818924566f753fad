// The manual's job from Node: node job.mjs CLIENT BASE_URL TOKEN MODEL_ID URL. Prints one JSON document.
const [client, baseUrl, token, modelId, url] = process.argv.slice(2);
const { createClient, PapinError } = await import(client);
const papin = createClient({ baseUrl, token });
const events = [];

const installed = new Promise((resolve) => {
  papin.registerModelRegistryEvents((event) => {
    events.push(event);
    if (["download_completed", "download_failed"].includes(event.event.type)) resolve();
  }).then((stop) => installed.then(stop), fail);
});

function fail(error) {
  console.error(error);
  process.exit(1);
}

async function caught(promise) {
  try {
    await promise;
    return null;
  } catch (error) {
    const { code, status, nextStep, message } = error;
    return { isPapinError: error instanceof PapinError, code, status, nextStep, message };
  }
}

const before = await papin.getAllModels();
const plan = await papin.planDownload(modelId, url);
await papin.limitDownloads(null);
const job = await papin.downloadModel(modelId, url, "", { between: "always" });
await installed;
console.log(
  JSON.stringify({
    before,
    plan,
    job,
    downloads: await papin.getDownloads(),
    after: await papin.getDownloadStatus(modelId),
    byAnother: await createClient({ baseUrl, token }).getDownloadStatus(modelId),
    installed: await papin.getInstalledModels(),
    events,
    errors: {
      unknown: await caught(papin.getDownloadStatus("nothing/at:all")),
      name: await caught(papin.downloadModel("../x", "", "")),
      provider: await caught(papin.downloadModel("starter:smollm2", "", "nope")),
      pause: await caught(papin.pauseDownload(job.id)),
      resume: await caught(papin.resumeDownload(job.id)),
      cancel: await caught(papin.cancelDownload(job.id)),
      limit: await caught(papin.limitDownload(job.id, 1000)),
      token: await caught(createClient({ baseUrl, token: "wrong" }).getAllModels()),
      events: await caught(createClient({ baseUrl, token: "wrong" }).registerModelRegistryEvents(() => {})),
      nobody: await caught(createClient({ baseUrl: "http://127.0.0.1:1", token }).getAllModels()),
    },
  }),
);
