"""The hardened HTTP client behind `papin.http`: addresses and who may be reached, connections, errors, bodies.

Built on httpx's types and httpcore's connection pool. Everything that could follow, decode, remember or resolve by
itself is done by hand here: redirects, codings, cookies (none), credentials, proxies, names.
"""
