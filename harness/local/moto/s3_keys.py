"""Keys in moto's S3 with characters that moto takes for the end of a URL."""

from __future__ import annotations


def prepare() -> None:
    """Let keys have line breaks, as S3's may. To be called before the routes are made."""
    from moto.s3 import urls

    for pattern in list(urls.url_paths):
        whole = pattern.replace("(?P<key_name>.+)", "(?P<key_name>(?s:.+))")
        whole = whole.replace("(?P<key_name>/.*)", "(?P<key_name>(?s:/.*))")
        urls.url_paths[whole] = urls.url_paths.pop(pattern)
