"""`papin models measure`, with a llama-bench that takes no time."""

import os

from papin.testing.samples import tiny_gguf

BENCH = """#!/bin/sh
echo 'llama-bench: benchmark 1/2: prompt run 2/2' >&2
echo '{"build_number": 7, "n_prompt": 512, "n_gen": 0, "avg_ts": 210.5}'
echo 'llama-bench: benchmark 2/2: generation run 1/2' >&2
echo '{"build_number": 7, "n_prompt": 0, "n_gen": 128, "avg_ts": 34.25}'
"""


def test_a_model_is_measured_and_shown_so(papin, tmp_path):
    (tmp_path / "mine.gguf").write_bytes(tiny_gguf())
    papin("models", "import", str(tmp_path / "mine.gguf"))
    papin.environ["PATH"] = str(tmp_path)
    missing = papin("models", "measure", "mine")
    assert (missing.status, "ERR_ENGINE_MISSING" in missing.err, "llama-bench" in missing.err) == (1, True, True)
    assert "Speed" not in papin("models", "show", "mine").out
    (tmp_path / "llama-bench").write_text(BENCH)
    (tmp_path / "llama-bench").chmod(0o755)
    papin.environ["PATH"] = f"{tmp_path}{os.pathsep}{os.defpath}"
    measured = papin("models", "measure", "mine")
    assert (measured.status, "Measuring" in measured.err) == (0, True)
    assert "34.2 tokens/s, prompts 210 tokens/s (llama-bench b7, now, on " in measured.out
    assert "34.2 tokens/s" in papin("models", "show", "mine").out
    told = papin("models", "measure", "mine", "--json").json()
    assert (told["predicted_per_second"], told["provider"]) == (34.25, "llamacpp")
