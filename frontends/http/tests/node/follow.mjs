// Follows events for ever: node follow.mjs CLIENT BASE_URL TOKEN. Prints each event on a line; a line on stdin ends it.
const [client, baseUrl, token] = process.argv.slice(2);
const { createClient } = await import(client);
const stop = await createClient({ baseUrl, token }).registerModelRegistryEvents((event) => {
  console.log(JSON.stringify(event));
});
console.log("open");
process.stdin.once("data", () => {
  stop();
  process.stdin.destroy();
});
