"""What a log and an exit become: the right error, in one plain sentence. The logs are llama.cpp's own."""

import signal

import pytest

from papin.errors import EngineMissing, LoadFailed, OutOfMemory
from papin_llamacpp._failures import died, explain, tail
from papin_llamacpp._spec import Failed

TRUNCATED = b"""\
0.00.004.431 I srv    load_model: loading model '/home/me/models/m.gguf'
0.00.014.634 E gguf_init_from_reader: failed to read key-value pairs
0.00.015.812 E llama_model_load: error loading model: llama_model_loader: failed to load model from /home/me/models/m.gguf
0.00.015.815 E llama_model_load_from_file_impl: failed to load model
0.00.015.845 E common_fit_params: encountered an error while trying to fit params to free device memory: failed to load model
0.00.023.940 E cmn  common_init_: failed to load model '/home/me/models/m.gguf'
0.00.024.248 E srv          init: exiting due to model loading error
"""
UNKNOWN = b"""\
llama_model_load: error loading model: error loading model architecture: unknown model architecture: 'mystery'
llama_model_load_from_file_impl: failed to load model
srv    load_model: failed to load model, '/home/me/models/m.gguf'
"""
MEMORY = b"""\
0.01.000.000 E ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 68719476736
0.01.000.100 E llama_kv_cache: failed to allocate buffer for kv cache
0.01.000.200 E srv    load_model: failed to load model
"""
PATH = "/home/me/models/m.gguf"


def told(log, how="refused", status=0, reason=""):
    return explain("m", Failed(how=how, status=status, reason=reason), tail(log, PATH))


def test_the_reason_is_the_first_line_that_tells_one():
    error = told(TRUNCATED)
    assert type(error) is LoadFailed
    assert error.message == "llama.cpp could not load m: failed to read key-value pairs"
    assert "papin models verify m" in error.next_step


BUILD = b"""\
0.00.044.205 I srv          init: build_info: b0-unknown
0.00.046.917 W srv          init: security: unknown origins are allowed
0.00.049.999 E llama_model_load: error loading model: error loading model hyperparameters: key not found in model: llama.context_length
0.00.050.007 E llama_model_load_from_file_impl: failed to load model
"""


def test_what_the_log_says_in_passing_is_no_reason():
    assert told(BUILD).message.endswith("key not found in model: llama.context_length")


def test_an_unknown_architecture_is_named():
    assert told(UNKNOWN).message.endswith("unknown model architecture: 'mystery'")


def test_memory_is_told_as_memory():
    error = told(MEMORY)
    assert type(error) is OutOfMemory
    assert "failed to allocate buffer of size 68719476736" in error.message
    assert "n_ctx" in error.next_step


@pytest.mark.parametrize(
    "line",
    [
        b"terminate called after throwing an instance of 'std::bad_alloc'",
        b"ggml_backend_cuda_buffer_type_alloc_buffer: allocating 9.00 MiB on device 0: cudaMalloc failed: out of memory",
        b"ggml_vulkan: Device memory allocation failed: vk::Device::allocateMemory: ErrorOutOfDeviceMemory",
    ],
)
def test_other_ways_of_running_out_of_memory(line):
    assert type(told(line, "crashed", -signal.SIGABRT)) is OutOfMemory


def test_who_is_killed_by_the_system_ran_out_of_memory():
    error = told(b"", "crashed", -signal.SIGKILL)
    assert type(error) is OutOfMemory
    assert "SIGKILL" in error.message


def test_a_crash_names_the_signal_and_quotes_the_log():
    error = told(b"one\ntwo\nGGML_ASSERT(x > 0) failed\n", "crashed", -signal.SIGSEGV)
    assert type(error) is LoadFailed
    assert "SIGSEGV" in error.message
    assert error.message.endswith("  one\n  two\n  GGML_ASSERT(x > 0) failed")


@pytest.mark.parametrize(("status", "words"), [(3, "status 3"), (-64, "signal"), (-1000, "signal 1000")])
def test_any_status_can_be_told(status, words):
    assert words in told(b"", "crashed", status).message.replace("SIGRTMAX", "signal")


def test_no_reason_is_said_to_be_none():
    assert told(b"").message == "llama.cpp could not load m: it gave no reason"
    assert told(b"", reason="the run folder cannot be written").message.endswith("the run folder cannot be written")


def test_a_program_that_cannot_start_is_missing():
    assert type(told(b"", "missing", reason="/opt/llama-server: Permission denied")) is EngineMissing


def test_no_folder_and_no_control_character_comes_through():
    lines = tail(b"failed to load '/home/me/models/m.gguf' \x1b[31mred\x07 \xe2\x80\xae\xff\n\n" + b"x" * 5000, PATH)
    assert lines[0] == "failed to load 'm.gguf' [31mred \ufffd"
    assert len(lines) == 2
    assert len(lines[1]) < 300


def test_a_long_log_is_read_from_its_end():
    assert tail(b"early\n" + b"x\n" * 100_000 + b"late\n")[-1] == "late"
    assert "early" not in tail(b"early\n" + b"x\n" * 100_000)


def test_a_death_in_use_tells_of_memory_when_it_was_that():
    assert "memory ran out" in died("m", ["CUDA error: out of memory"]).message
    assert died("m", []).message == "The engine of m died while it was in use"
