"""The chat templates of families: which is found, and what Ollama makes of it."""

import json

import pytest

from papin_ollama._recipe import count_text
from papin_ollama._templates import chat_template, template_for

from .gguf_file import CHATML, gguf

JINJA = {
    "chatml": CHATML,
    "llama3": "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] + '<|eot_id|>' }}",
    "gemma": "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}",
    "mistral": "{{ '[INST] ' + message['content'] + ' [/INST]' }}{{ message['content'] + eos_token }}",
    "phi": "{{ '<|user|>' + '\n' + message['content'] + '<|end|>' + '\n' + '<|assistant|>' }}",
}
RENDERED = {
    "chatml": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYes?<|im_end|>\n"
    "<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n",
    "llama3": "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\nYes?<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "gemma": "<start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nYes?<end_of_turn>\n"
    "<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n",
    "mistral": "[INST] Be brief.\n\nHi [/INST] Yes?</s>[INST] Bye [/INST]",
    "phi": "<|system|>\nBe brief.<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\nYes?<|end|>\n<|user|>\nBye<|end|>\n<|assistant|>\n",
}
CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Yes?"},
    {"role": "user", "content": "Bye"},
]


@pytest.mark.parametrize("family", JINJA)
def test_a_family_is_known_by_its_marks(family):
    assert template_for(JINJA[family]).family == family


@pytest.mark.parametrize("jinja", ["", "{{ bos_token }}", "### Instruction:", "<|im_start|> alone"])
def test_an_unknown_family_has_no_template(jinja):
    assert template_for(jinja) is None


@pytest.mark.live
def test_ollama_puts_a_chat_as_the_family_wants_it(real):
    real.ollama.add(real.file)
    for family, jinja in JINJA.items():
        template = template_for(jinja)
        parameters = {"stop": list(template.stop)}
        body = {"model": family, "from": "toy", "template": template.text, "parameters": parameters}
        assert b'"success"' in real.ollama.post("/api/create", body)
        asked = {
            "model": family,
            "messages": CHAT,
            "stream": False,
            "_debug_render_only": True,
            "options": {"num_ctx": 512},
        }
        told = json.loads(real.ollama.post("/api/chat", asked))
        assert told["_debug_info"]["rendered_template"] == RENDERED[family], family


def test_the_template_is_found_in_the_header(tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf(template=CHATML))
    assert chat_template(path) == CHATML
    path.write_bytes(gguf(template=""))
    assert chat_template(path) == ""


@pytest.mark.parametrize("cut", [0, 3, 30, -1, -60])
def test_a_cut_header_has_a_part_of_it_or_none(tmp_path, cut):
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf(template=CHATML)[:cut])
    assert chat_template(path) in CHATML


def test_a_template_of_an_impossible_length_ends_with_the_file(tmp_path):
    path = tmp_path / "m.gguf"
    data = gguf(template="abc")
    at = data.index(b"abc")
    path.write_bytes(data[: at - 8] + b"\xff" * 8 + b"abc")
    assert chat_template(path) == "abc"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, ""),
        (0, ""),
        (999, "999"),
        (22_240, "22.24K"),
        (134_515_008, "134.52M"),
        (8_030_261_248, "8.0B"),
        (1_500_000_000_000, "1500.0B"),
    ],
)
def test_parameters_as_ollama_writes_them(count, text):
    assert count_text(count) == text
