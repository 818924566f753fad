"""Certifies an installed plugin: `python -m papin.testing NAME [--model FILE] [what pytest understands]`.

Every provider, catalog, format, storage, policy and recommender that the plugin registers is put through the suite of
its kind. With `--model`, providers load that file and answer with it. The exit status is 0 when everything passed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

_MODULE = """\
from papin.testing._certify import classes

globals().update(classes({name!r}, {file!r}))
"""

_INI = "[pytest]\ntrio_mode = true\nfilterwarnings = error\n"


def main() -> int:
    """Run the suites; return 0 when all passed and 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m papin.testing", description="Certifies an installed plugin.")
    parser.add_argument("name", metavar="NAME", help="the plugin, by the name of its entry point")
    parser.add_argument("--model", type=Path, default=None, metavar="FILE", help="a model that its providers can run")
    chosen, rest = parser.parse_known_args()
    try:
        import pytest  # noqa: PLC0415  it is an extra

        from papin.testing._certify import entry_point  # noqa: PLC0415
        from papin.testing._reasons import Reasons  # noqa: PLC0415

        entry_point(chosen.name)
    except ModuleNotFoundError as error:
        return _refuse(f"{error.name} is missing; type: pip install 'papin[testing]'")
    except LookupError as error:
        return _refuse(str(error.args[0]))
    file = str(chosen.model.absolute()) if chosen.model else ""
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder, f"test_{chosen.name.replace('-', '_')}.py")
        module.write_text(_MODULE.format(name=chosen.name, file=file))
        config = Path(folder, "pytest.ini")
        config.write_text(_INI)
        options = ["-c", str(config), "--rootdir", folder, "-p", "no:cacheprovider", "-rfEs", *rest, str(module)]
        return 0 if pytest.main(options, [Reasons()]) == pytest.ExitCode.OK else 1


def _refuse(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
