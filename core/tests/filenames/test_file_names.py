"""What names tell, against a table of names and the product of models and spellings."""

import csv
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papin.filenames import bits_of, parameters_of, quantization_of, read_file_name

ROWS = list(csv.DictReader((Path(__file__).parent / "names.tsv").read_text().splitlines(), delimiter="\t"))
UNITS = {"M": 10**6, "B": 10**9, "T": 10**12, "": 0}


def number(text):
    return round(float(text[:-1]) * UNITS[text[-1]]) if text else None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["path"])
def test_a_name_of_the_table(row):
    found = read_file_name(row["path"])
    part = tuple(int(each) for each in row["part"].split("/")) if row["part"] else None
    assert (found.format, found.quantization, found.role) == (row["format"], row["quantization"], row["role"])
    assert found.parameters == number(row["parameters"])
    assert found.part == (None if part is None else (part[0] - 1, part[1]))


# As published: the begin of a name, and how many parameters it tells.
STEMS = {
    "Granite-Lake-3.1-8B-Instruct": 8 * 10**9,
    "granite-lake-2b": 2 * 10**9,
    "Granite.Lake.v2.14B": 14 * 10**9,
    "granite_lake_0.5b_chat": 5 * 10**8,
    "GraniteLake-MoE-2x7B-v0.2": 14 * 10**9,
    "granite-lake-24B-A2B-Thinking-2507": 24 * 10**9,
    "lake-embed-text-v1.5": None,
    "Lake-R1-Distill-Granite-32B": 32 * 10**9,
    "lake-360M-instruct-v0.2": 360 * 10**6,
    "granite-lake-128k-mini": None,
}
SPELLINGS = {
    "Q4_K_M": "Q4_K_M",
    "q4_k_m": "Q4_K_M",
    "Q2_K": "Q2_K",
    "q3_K_S": "Q3_K_S",
    "Q5_K_S": "Q5_K_S",
    "Q6_K": "Q6_K",
    "Q8_0": "Q8_0",
    "q5_1": "Q5_1",
    "IQ1_M": "IQ1_M",
    "iq3_xxs": "IQ3_XXS",
    "IQ4_NL": "IQ4_NL",
    "UD-IQ2_M": "UD-IQ2_M",
    "UD-Q6_K_XL": "UD-Q6_K_XL",
    "TQ1_0": "TQ1_0",
    "mxfp4": "MXFP4",
    "F16": "F16",
    "fp16": "F16",
    "bf16": "BF16",
    "f32": "F32",
    "Q4_0_8_8": "Q4_0_8_8",
}


@pytest.mark.parametrize(("stem", "spelling"), list(product(STEMS, SPELLINGS)))
def test_a_model_in_a_spelling(stem, spelling):
    for separator in "-._":
        found = read_file_name(f"{stem}{separator}{spelling}.gguf")
        assert (found.quantization, found.parameters) == (SPELLINGS[spelling], STEMS[stem])
        assert bits_of(found.quantization) is not None
        assert read_file_name(f"{spelling}/{stem}-00001-of-00003.gguf").quantization == SPELLINGS[spelling]


@pytest.mark.parametrize(
    "text", ["8b-instruct-q4_K_M", "q4_K_M", "hf.co/acme/lake-GGUF:Q4_K_M", "acme/lake:q4_k_m", "lake (Q4_K_M)"]
)
def test_a_tag_is_no_file_name(text):
    assert quantization_of(text) == "Q4_K_M"


@pytest.mark.parametrize("text", ["", "latest", "lakeq4_0", "XQ4_K_M", "q9_0", "squad8_0", "BF161"])
def test_what_only_looks_like_one(text):
    assert quantization_of(text) == ""


@pytest.mark.parametrize("text", ["v3b2", "A3B", "128k", "0b", "bge-m3", "8bit", "1.5.2", "b7", "20260101b"])
def test_what_is_no_number_of_parameters(text):
    assert parameters_of(text) is None


def test_fewer_bits_are_fewer():
    order = ["IQ1_S", "IQ2_XXS", "IQ2_M", "Q2_K", "Q3_K_M", "Q4_K_S", "Q4_K_M", "UD-Q4_K_XL", "Q5_K_M", "Q6_K", "Q8_0"]
    bits = [bits_of(each) for each in [*order, "F16", "F32"]]
    assert bits == sorted(bits)
    assert [bits_of(each) for each in ("Q4_K", "Q6_K_L", "4.65BPW", "4BIT", "IQ4_KSS", "nothing")] == [
        bits_of("Q4_K_M"),
        6.76,
        4.65,
        4.25,
        4.5,
        None,
    ]


@given(st.text(max_size=300))
def test_any_text_is_read(text):
    found = read_file_name(text)
    assert found.quantization == "" or quantization_of(found.quantization) == found.quantization
    assert found.parameters is None or 0 < found.parameters < 10**19
    assert (bits_of(text) or 1) > 0
