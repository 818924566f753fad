"""The application as a person uses it, with a real kernel."""

import os
import sys
from pathlib import Path

import pytest
from textual.widgets import Input

from papin.testing.samples import tiny_gguf
from papin_tui._dialogs import Choice

from .conftest import on_screen, on_small_screen


async def install(screen, folder, name, seed=0):
    """Bring a model in while the application runs, as another frontend would."""
    file = folder / f"{name}.gguf"
    file.write_bytes(tiny_gguf(seed))

    async def bring(kernel):
        job = await kernel.downloads.import_file(file, name=name)
        await kernel.downloads.wait(job.id)

    await screen.app.ask(bring)
    await screen.until(lambda: name in screen.rows("model-list"))


@on_screen
async def test_nothing_is_here_at_first_and_what_comes_in_appears(screen, tmp_path):
    await screen.until(lambda: "Press 2 to find one" in screen.text("#model-sum"))
    await screen.until(lambda: "free" in screen.text("#standing"))
    await install(screen, tmp_path, "mine")
    assert screen.rows("model-list")["mine"]["MODEL"] == "mine"
    await screen.until(lambda: "1 model" in screen.text("#model-sum"))


@on_small_screen
async def test_on_80_columns_the_way_out_and_all_keys_are_named(screen, tmp_path):
    await install(screen, tmp_path, "mine")
    for pane in "12345":
        await screen.press(pane)
        await screen.until(lambda: "q Quit  f1 Keys" in screen.shown().splitlines()[-1])


@on_screen
async def test_columns_that_say_nothing_are_left_out(screen, tmp_path):
    await install(screen, tmp_path, "mine")
    assert list(screen.rows("model-list")["mine"]) == ["MODEL", "SIZE", "PARAMETERS", "QUANTIZATION", "USED"]
    await screen.press("f")
    await screen.until(lambda: "TAGS" in screen.rows("model-list")["mine"])


@on_screen
async def test_a_question_is_not_covered_by_what_was_told_before(screen, tmp_path):
    await install(screen, tmp_path, "mine")
    await screen.press("w", "w")
    await screen.told("Nothing newer of mine is known")
    await screen.until(lambda: len(screen.app._notifications) == 1)
    await screen.press("x")
    await screen.until(lambda: "Removing mine frees" in screen.text("Confirm Static"))
    assert screen.notices() == ""


@on_screen
async def test_enter_takes_the_first_of_a_choice_and_the_arrows_another(screen, tmp_path):
    answers = []
    for keys in (["enter"], ["down", "enter"], ["escape"]):
        await screen.app.push_screen(Choice("Share it with", ["ollama", "localai"]), answers.append)
        await screen.press(*keys)
        await screen.until(lambda: len(screen.app.screen_stack) == 1)
    assert answers == ["ollama", "localai", None]


@pytest.mark.skipif(sys.platform != "linux", reason="Jan has another folder there")
@on_screen
async def test_a_program_that_comes_or_goes_while_one_looks_is_shown(screen, tmp_path):
    folder = Path.home() / ".local" / "share" / "Jan" / "data"
    await screen.press("4")
    await screen.until(lambda: screen.rows("program-list").get("jan", {}).get("STATE") == "not here")
    folder.mkdir(parents=True)
    await screen.until(lambda: screen.rows("program-list")["jan"]["STATE"] == "ready")
    folder.rmdir()
    await screen.until(lambda: screen.rows("program-list")["jan"]["STATE"] == "not here")


@on_screen
async def test_a_new_download_is_the_chosen_one_and_of_a_completed_one_nothing_is_left_to_do(screen, tmp_path):
    await install(screen, tmp_path, "old")
    await screen.press("3")
    await screen.until(lambda: len(screen.rows("jobs")) == 1)
    await screen.press("1")
    await install(screen, tmp_path, "new", seed=1)
    await screen.press("3")
    await screen.until(lambda: len(screen.rows("jobs")) == 2)
    await screen.until(lambda: screen.table("jobs").cursor_row == 0)
    for key in "pxd":
        await screen.press(key)
        await screen.told("new.gguf is completed: nothing of it is left to do.")
    assert len(screen.app.screen_stack) == 1


@on_screen
async def test_everything_about_a_model_and_its_check_list(screen, tmp_path):
    await install(screen, tmp_path, "mine")
    await screen.press("enter")
    await screen.until(lambda: "Architecture:" in screen.text("#reading"))
    await screen.press("escape", "v")
    await screen.until(lambda: "Checking file integrity: ✓" in screen.text("#reading"))
    await screen.until(lambda: "The model is fine" in screen.text("#reading"))


@on_screen
async def test_a_favourite_is_marked_and_unmarked(screen, tmp_path):
    await install(screen, tmp_path, "mine")
    await screen.press("f")
    await screen.until(lambda: screen.rows("model-list")["mine"].get("TAGS") == "favourite")
    await screen.press("f")
    await screen.until(lambda: screen.rows("model-list")["mine"].get("TAGS") is None)


@on_screen
async def test_removing_shows_its_plan_and_a_no_leaves_everything(screen, tmp_path):
    await install(screen, tmp_path, "mine")
    await screen.press("x")
    await screen.until(lambda: "Removing mine frees" in screen.text("Confirm Static"))
    await screen.press("enter")  # the answer that changes nothing has the focus
    await screen.until(lambda: len(screen.app.screen_stack) == 1)
    assert "mine" in screen.rows("model-list")
    await screen.press("x")
    await screen.until(lambda: "Removing mine frees" in screen.text("Confirm Static"))
    await screen.press("y")
    await screen.told("Removed mine")
    await screen.until(lambda: "mine" not in screen.rows("model-list"))


@on_screen
async def test_the_cursor_stays_at_its_model_when_others_come(screen, tmp_path):
    await install(screen, tmp_path, "m")
    await screen.press("down")
    await install(screen, tmp_path, "a", seed=1)
    await install(screen, tmp_path, "z", seed=2)
    assert screen.table("model-list").chosen == "m"


@on_screen
async def test_an_error_is_shown_with_its_code_and_next_step(screen, tmp_path):
    await screen.app.bridge.ask(lambda kernel: kernel.models.list())
    screen.app.begin(screen.app.ask(lambda kernel: kernel.models.show("nothing")))
    await screen.told("ERR_NOT_FOUND")
    assert "Next: " in screen.notices()


@on_screen
async def test_a_search_answers_while_one_types_and_a_model_is_installed_from_its_page(screen, tmp_path):
    await screen.press("2", "slash", *"smol fits:yes")
    await screen.until(lambda: "2 models for smol fits:yes" in screen.text("#card-sum"))
    await screen.press("enter", "enter")
    await screen.until(lambda: "starter:smollm2" in screen.text("#facts Static"))
    await screen.press("d")
    await screen.until(lambda: "It fits" in screen.text("Confirm Static"))
    await screen.press("y")
    await screen.press("3")
    await screen.until(lambda: [row for row in screen.rows("jobs").values() if row["STATE"] == "completed"])
    await screen.press("1")
    await screen.until(lambda: "smollm2" in screen.rows("model-list"))


@on_screen
async def test_what_is_whole_is_not_repaired(screen, tmp_path):
    await install(screen, tmp_path, "mine")
    await screen.press("r")
    await screen.told("mine is whole: there is nothing to repair.")


SLOW_BENCH = """#!/bin/sh
echo $$ > "$0.pid"
echo 'llama-bench: benchmark 1/2: prompt run 1/2' >&2
exec sleep 600
"""
QUICK_BENCH = """#!/bin/sh
echo '{"n_prompt": 512, "n_gen": 0, "avg_ts": 210.5}'
echo '{"n_prompt": 0, "n_gen": 128, "avg_ts": 34.25}'
"""


@on_screen
async def test_a_model_is_measured_and_closing_the_page_ends_that(screen, tmp_path):
    await install(screen, tmp_path, "mine")
    bench = tmp_path / "llama-bench"
    bench.write_text(SLOW_BENCH)
    bench.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        await screen.press("m")
        await screen.until(lambda: "Measuring: 1 of 6" in screen.text("#reading"))
        await screen.press("escape")
        await screen.until(lambda: has_ended(int(bench.with_name("llama-bench.pid").read_text())))
        bench.write_text(QUICK_BENCH)
        await screen.press("m")
        await screen.until(lambda: "34.2 tokens/s, prompts 210 tokens/s" in screen.text("#reading"))
    await screen.press("escape", "enter")
    await screen.until(lambda: "34.2 tokens/s" in screen.text("#reading"))


def has_ended(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@on_screen
async def test_a_row_is_shown_alone_and_escape_shows_all_again(screen, tmp_path):
    await screen.press("2")
    await screen.until(lambda: "row: recommended" in screen.rows("cards"))
    await screen.until(lambda: "Enter shows all of it" in screen.text("#card-sum"))
    await screen.press("down")
    await screen.until(lambda: "needs about" in screen.text("#card-sum"))
    await screen.press("up", "enter")
    await screen.until(lambda: [key for key in screen.rows("cards") if key.startswith("row: ")] == ["row: recommended"])
    await screen.press("escape")
    await screen.until(lambda: len([key for key in screen.rows("cards") if key.startswith("row: ")]) > 1)


@on_screen
async def test_the_number_of_the_pane_where_one_is_leaves_its_keys_acting(screen, tmp_path):
    await install(screen, tmp_path, "mine")
    await screen.press("1", "1", "x")
    await screen.until(lambda: "Removing mine frees" in screen.text("Confirm Static"))


@on_screen
async def test_a_filter_that_is_not_whole_yet_is_no_error_and_is_completed(screen, tmp_path):
    await screen.press("2", "slash", *"smol size:<")
    await screen.until(lambda: "Write it like size:<=8b" in screen.text("#card-sum"))
    await screen.press(*"8b so")
    line = screen.app.query_one("#query", Input)
    await screen.until(lambda: line._suggestion == "smol size:<8b sort:")
    await screen.press("right", *"li")
    await screen.until(lambda: line._suggestion == "smol size:<8b sort:likes")
    await screen.press("right")
    await screen.until(lambda: "for smol size:<8b sort:likes" in screen.text("#card-sum"))
    assert not screen.notices()


@on_screen
async def test_a_search_that_finds_nothing_says_which_word_is_why(screen, tmp_path):
    await screen.press("2", "slash", *"smollm2 arch:zebra")
    await screen.until(lambda: "leave out arch:zebra" in screen.text("#card-sum"))


@on_screen
async def test_the_programs_say_what_they_can_and_cannot(screen, tmp_path):
    await screen.press("4")
    await screen.until(lambda: "ollama" in screen.rows("program-list"))
    assert screen.rows("program-list")["ollama"]["STATE"] == "not here"
    await screen.press("enter")
    await screen.until(lambda: "Can: " in screen.text("#reading"))


@on_screen
async def test_the_space_pane_tells_what_is_free_and_cleans_up(screen, tmp_path):
    await install(screen, tmp_path, "mine")
    await screen.press("5")
    await screen.until(lambda: "Free:" in screen.text("#accounts"))
    await screen.press("c")
    await screen.told("Nothing needs to go.")
    await screen.press("d")
    await screen.told("Nothing is stored a second time")


@on_screen
async def test_keys_without_a_model_say_so(screen, tmp_path):
    await screen.until(lambda: "Press 2 to find one" in screen.text("#model-sum"))
    await screen.press("c", "x", "v", "l")
    await screen.told("There is no model to remove.")


@on_screen
async def test_updates_are_asked_for_and_a_model_of_papins_own_is_not_taken_in(screen, tmp_path):
    await install(screen, tmp_path, "mine")
    await screen.press("w")
    await screen.told("Nothing newer of mine is known; g checks.")
    await screen.press("g")
    await screen.told("Nothing is newer.")
    await screen.press("i")
    await screen.told("mine is papin's own already.")


@on_screen
async def test_f1_shows_the_keys_that_act_here_and_hides_them(screen, tmp_path):
    await screen.press("f1")
    await screen.until(lambda: "Check for updates" in screen.shown())
    await screen.press("f1")
    await screen.until(lambda: "Check for updates" not in screen.shown())
