"""A llama-bench that takes no time: it says what the real one says, or fails as the JSON in the model's file asks.

`status` is what it ends with after `log`; `hangs` after the first run; `says` is printed instead of the figures.
"""

import json
import signal
import sys
from pathlib import Path

asked = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=False))
data = Path(asked["--model"]).read_bytes()
behaviour = {} if data.startswith(b"GGUF") else json.loads(data)
Path(asked["--model"]).with_suffix(".asked").write_text(json.dumps(sys.argv[1:]))
times = int(sys.argv[sys.argv.index("--repetitions") + 1])
sizes = {name: int(sys.argv[sys.argv.index(f"--n-{name}") + 1]) for name in ("prompt", "gen")}


def step(text):
    print(f"llama-bench: benchmark {text}", file=sys.stderr, flush=True)


if "status" in behaviour:
    print(behaviour.get("log", ""), file=sys.stderr)
    sys.exit(behaviour["status"])
for number, kind, counts, speed in (
    (1, "prompt", (sizes["prompt"], 0), 210.5),
    (2, "generation", (0, sizes["gen"]), 34.25),
):
    step(f"{number}/2: starting")
    step(f"{number}/2: warmup {kind} run")
    for run in range(times):
        step(f"{number}/2: {kind} run {run + 1}/{times}")
        if behaviour.get("hangs"):
            signal.pause()
    line = {"build_number": 11434, "n_prompt": counts[0], "n_gen": counts[1], "avg_ts": speed}
    print(behaviour.get("says") or json.dumps(line), flush=True)
