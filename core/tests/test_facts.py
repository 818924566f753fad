"""What is told of one thing, alike in every frontend."""

from datetime import UTC, datetime

import msgspec

from papin import facts
from papin.answers import ProviderStatus
from papin.models import Model, StoredFile

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_a_digest_that_nobody_knows_is_left_out():
    file = StoredFile(name="m.gguf", sha256="ab", size=9)
    model = Model(id="m", ref="", files=(file,), installed_at=NOW, size=9)
    assert "m.gguf (weights, 9 B, sha256 ab)" in facts.lines(facts.of_model(model, NOW))
    unknown = msgspec.structs.replace(model, files=(msgspec.structs.replace(file, sha256=""),))
    assert "(weights, 9 B)\n" in facts.lines(facts.of_model(unknown, NOW))


def test_what_a_provider_cannot_do_for_one_reason_is_told_once():
    lacks = {"lists": "It has none.", "shows": "It has none.", "embeds": "It does not."}
    status = ProviderStatus(name="x", summary="X", distribution="papin-x", version="1", state="ready", lacks=lacks)
    told = facts.lines(facts.of_provider(status)).splitlines()
    assert told[-2:] == ["Cannot:    lists, shows. It has none.", "Cannot:    embeds. It does not."]
