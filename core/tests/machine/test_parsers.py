"""The tools' own words, as they are printed, cut short and broken."""

from __future__ import annotations

import json

import pytest

from papin._machine import parsers
from papin.machine import Gpu, Memory

MEMORY = Memory(total=16 << 30, available=9 << 30)
MIB = 1 << 20

APPLE = """{
  "SPDisplaysDataType" : [
    {
      "_name" : "Apple M3 Max",
      "spdisplays_metal" : "spdisplays_supported",
      "spdisplays_ndrvs" : [ { "_name" : "Color LCD", "_spdisplays_pixels" : "3456 x 2234" } ],
      "spdisplays_vendor" : "sppci_vendor_Apple",
      "sppci_bus" : "spdisplays_builtin",
      "sppci_cores" : "40",
      "sppci_device_type" : "spdisplays_gpu",
      "sppci_model" : "Apple M3 Max"
    }
  ]
}"""

INTEL_MAC = """{
  "SPDisplaysDataType" : [
    {
      "_name" : "kHW_IntelUHDGraphics630Item",
      "_spdisplays_vram" : "1536 MB",
      "spdisplays_vendor" : "Intel",
      "sppci_model" : "Intel UHD Graphics 630"
    },
    {
      "_name" : "kHW_AMDRadeonPro5300MItem",
      "spdisplays_vendor" : "sppci_vendor_amd",
      "spdisplays_vram" : "4 GB",
      "sppci_model" : "AMD Radeon Pro 5300M"
    }
  ]
}"""

ROCM = json.dumps(
    {
        "card0": {
            "VRAM Total Memory (B)": "21458059264",
            "VRAM Total Used Memory (B)": "27856896",
            "Card Series": "Radeon RX 7900 XT",
            "Card Model": "0x744c",
            "Card Vendor": "Advanced Micro Devices, Inc. [AMD/ATI]",
            "GFX Version": "gfx1100",
        },
        "card1": {"Card series": "Raphael", "VRAM Total Memory (B)": "67108864", "VRAM Total Used Memory (B)": "N/A"},
        "system": {"Driver version": "6.8.0"},
    }
)

AMD_SMI = [
    {
        "gpu": 0,
        "asic": {"market_name": "AMD Instinct MI300X", "vendor_id": "0x1002", "num_compute_units": 304},
        "vram": {"type": "HBM", "vendor": "N/A", "size": {"value": 196592, "unit": "MB"}, "bit_width": 8192},
    }
]


@pytest.mark.parametrize(
    ("output", "gpus"),
    [
        (
            "NVIDIA GeForce RTX 4090, 24564, 23012\n",
            (Gpu(name="NVIDIA GeForce RTX 4090", vendor="nvidia", memory=24564 * MIB, memory_free=23012 * MIB),),
        ),
        (
            "NVIDIA H100 80GB HBM3, 81559, 81079\nNVIDIA H100 80GB HBM3, 81559, 1\n",
            (
                Gpu(name="NVIDIA H100 80GB HBM3", vendor="nvidia", memory=81559 * MIB, memory_free=81079 * MIB),
                Gpu(name="NVIDIA H100 80GB HBM3", vendor="nvidia", memory=81559 * MIB, memory_free=1 * MIB),
            ),
        ),
        ("NVIDIA GB10, [N/A], [N/A]\n", (Gpu(name="NVIDIA GB10", vendor="nvidia"),)),
        (
            "Quadro, with a comma, 8192 MiB, 8000 MiB\r\n",
            (Gpu(name="Quadro, with a comma", vendor="nvidia", memory=8192 * MIB, memory_free=8000 * MIB),),
        ),
        ("No devices were found\n", ()),
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", ()),
        ("", ()),
    ],
)
def test_nvidia_smi(output, gpus):
    assert parsers.nvidia_smi(output) == gpus


def test_rocm_smi():
    first, second = parsers.rocm_smi(ROCM)
    assert first == Gpu(name="Radeon RX 7900 XT", vendor="amd", memory=21458059264, memory_free=21458059264 - 27856896)
    assert second == Gpu(name="Raphael", vendor="amd", memory=67108864)


def test_rocm_smi_with_a_warning_before_it():
    assert parsers.rocm_smi("WARNING: AMD GPU device(s) is/are in a low-power state.\n\n" + ROCM) == parsers.rocm_smi(
        ROCM
    )


@pytest.mark.parametrize("shape", [AMD_SMI, {"gpu_data": AMD_SMI}])
def test_amd_smi(shape):
    found = parsers.amd_smi(json.dumps(shape, indent=4))
    assert found == (Gpu(name="AMD Instinct MI300X", vendor="amd", memory=196592 * MIB),)


def test_a_processor_of_apple_shares_the_main_memory():
    found = parsers.system_profiler(APPLE, MEMORY)
    assert found == (Gpu(name="Apple M3 Max", vendor="apple", memory=16 << 30, memory_free=9 << 30),)


def test_older_macs():
    assert parsers.system_profiler(INTEL_MAC, MEMORY) == (
        Gpu(name="Intel UHD Graphics 630", vendor="intel", memory=1536 * MIB),
        Gpu(name="AMD Radeon Pro 5300M", vendor="amd", memory=4 << 30),
    )


READERS = {
    "nvidia_smi": parsers.nvidia_smi,
    "rocm_smi": parsers.rocm_smi,
    "amd_smi": parsers.amd_smi,
    "system_profiler": lambda output: parsers.system_profiler(output, MEMORY),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize(
    "output",
    ["", "\n", "null", "[]", "{}", "7", '"card0"', "[null, 7, []]", '{"card0": null, "card1": {}}', '{"card0": {"Card Series": 7, "VRAM Total Memory (B)": -1}}',
     '{"SPDisplaysDataType": 7}', '{"SPDisplaysDataType": [null, {}]}', '{"gpu_data": [{"asic": 1, "vram": {"size": "N/A"}}]}', "[" * 100_000,
     "{" * 1000, "a,b,c", ",,", "\ufffd, \ufffd, \ufffd", "x, 99999999999999999999, 1"],
    ids=range(19),
)  # fmt: skip
def test_nonsense_harms_nobody(reader, output):
    for gpu in reader(output):
        assert gpu.name is not None
        assert gpu.memory is None or gpu.memory >= 0


@pytest.mark.parametrize(
    ("reader", "output"), [("rocm_smi", ROCM), ("amd_smi", json.dumps(AMD_SMI)), ("system_profiler", APPLE)]
)
def test_output_that_was_cut_short_harms_nobody(reader, output):
    for end in range(len(output)):
        assert isinstance(READERS[reader](output[:end]), tuple)


def test_the_kernel_tells_of_cards_without_any_tool(tmp_path):
    cards = {
        "card0": {"vendor": "0x1002", "device": "0x73bf", "mem_info_vram_total": "17163091968", "mem_info_vram_used": "692142080"},
        "card1": {"vendor": "0x8086", "device": "0x9a49"},
        "card2": {"vendor": "0x10de", "device": "0x2684"},
        "card3": {"vendor": "0x1a03", "device": "0x2000"},
        "card4": {"vendor": "0x1002", "device": "0x744c", "product_name": "Radeon PRO", "mem_info_vram_total": "nonsense"},
        "card0-HDMI-A-1": {"vendor": "0x1002"},
        "renderD128": {"vendor": "0x1002"},
    }  # fmt: skip
    for name, files in cards.items():
        device = tmp_path / name / "device"
        device.mkdir(parents=True)
        for key, text in files.items():
            (device / key).write_text(f"{text}\n")
    assert parsers.drm(tmp_path) == (
        Gpu(name="AMD 0x73bf", vendor="amd", memory=17163091968, memory_free=17163091968 - 692142080),
        Gpu(name="INTEL 0x9a49", vendor="intel"),
        Gpu(name="NVIDIA 0x2684", vendor="nvidia"),
        Gpu(name="Radeon PRO", vendor="amd"),
    )
    assert parsers.drm(tmp_path / "missing") == ()
