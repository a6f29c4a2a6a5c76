"""Writes the JSON-LD contexts of tests/data/rocrate into the cache of rocrate-validator, which then needs no network.

Usage, with the Python that has roc-validator: rocrate_contexts.py CACHE
"""
import io
import pathlib
import sys

import requests
from requests.adapters import BaseAdapter
from requests_cache import CachedSession
from urllib3 import HTTPResponse

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "data" / "rocrate"
CONTEXTS = {
    "https://w3id.org/ro/crate/1.1/context": "ro-crate-1.1-context.json",
    "https://w3id.org/ro/terms/workflow-run/context": "workflow-run-context.json",
}


class FromFile(BaseAdapter):
    """Answers a request for one of the contexts with its file, like its server."""

    def send(self, request, **_):
        body = (FOLDER / CONTEXTS[request.url]).read_bytes()
        answer = requests.Response()
        answer.status_code, answer.reason, answer.url, answer.request = 200, "OK", request.url, request
        answer.headers["Content-Type"] = "application/ld+json"
        answer.raw = HTTPResponse(body=io.BytesIO(body), headers=answer.headers, status=200, preload_content=False,
                                  request_url=request.url)
        return answer

    def close(self):
        pass


session = CachedSession(sys.argv[1], backend="sqlite", expire_after=-1)
session.mount("https://", FromFile())
for url in CONTEXTS:
    session.get(url).raise_for_status()
