"""The hardened HTTP client behind `papin.http`: addresses and who may be reached, connections, errors, bodies.

Built on httpx's types and httpcore's connection pool. Everything that could follow, decode, remember or resolve by
itself is done by hand here: redirects, codings, cookies (none), credentials, proxies, names.
"""

import sys

# Where rich and click are installed, httpx imports its own command line with it, which takes a third of its time; where
# they are not, it does without, and so it does here.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
