// Measures a model twice, once without waiting for the end: node measure.mjs CLIENT BASE_URL TOKEN MODEL_ID. Prints JSON.
const [client, baseUrl, token, modelId] = process.argv.slice(2);
const { createClient } = await import(client);
const papin = createClient({ baseUrl, token });

const measured = await papin.measureModel(modelId, { settings: { n_ctx: 1024 } });
const speeds = await papin.getSpeeds(modelId);
const unknown = await papin.measureModel("gone").catch(({ code, status }) => ({ code, status }));
const aborted = await papin.measureModel(modelId, { signal: AbortSignal.abort() }).catch(({ name }) => name);
console.log(JSON.stringify({ measured, speeds, unknown, aborted }));
