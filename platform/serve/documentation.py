"""The API's description as one plain page, made from its OpenAPI document; nothing is fetched from anywhere."""

from __future__ import annotations

from html import escape
from typing import Any

STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
code,pre{font:14px/1.45 ui-monospace,monospace;background:#f3f3f1;border-radius:4px}code{padding:.1em .3em}
pre{padding:.8rem;overflow:auto}h2{margin-top:2.5rem;border-top:1px solid #ddd;padding-top:1.5rem}
table{border-collapse:collapse;width:100%}td{border-top:1px solid #e5e5e2;padding:.35rem .6rem .35rem 0;vertical-align:top}
.verb{color:#fff;background:#2f5d8a;border-radius:4px;padding:.1em .5em;font-size:.8em}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1a}code,pre{background:#2a2a28}td,h2{border-color:#3a3a38}}"""


def documentation_page(openapi: dict[str, Any]) -> str:
    """HTML without scripts."""
    parts = [f"<h1>{escape(openapi['info']['title'])} {escape(openapi['info']['version'])}</h1>"]
    parts += [_text(openapi["info"].get("description", ""))]
    parts += ['<p>For programs: <a href="openapi.json">openapi.json</a>. The page for people: <a href="./">here</a>.</p>']
    for path, operations in openapi["paths"].items():
        for verb, operation in operations.items():
            parts.append(_operation(path, verb, operation))
    parts.append("<h2>Answers</h2>")
    for name, schema in openapi.get("components", {}).get("schemas", {}).items():
        parts.append(f"<h3 id='{escape(name)}'><code>{escape(name)}</code></h3>{_text(schema.get('description', ''))}")
        parts.append(_fields(schema))
    body = "\n".join(parts)
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Vitruvian API</title>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<style>{STYLE}</style></head><body>{body}</body></html>"
    )


def _operation(path: str, verb: str, operation: dict[str, Any]) -> str:
    parts = [f"<h2><span class='verb'>{verb.upper()}</span> <code>{escape(path)}</code></h2>"]
    parts.append(f"<p>{escape(operation.get('summary', ''))}</p>{_text(operation.get('description', ''))}")
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<p>Body: <code>{escape(kind)}</code></p>{_fields(content['schema'])}")
    rows = []
    for code, response in operation.get("responses", {}).items():
        kinds = ", ".join(_kind(kind, content) for kind, content in response.get("content", {}).items())
        rows.append(
            f"<tr><td><code>{escape(str(code))}</code></td><td>{escape(response['description'])}</td><td>{kinds}</td></tr>"
        )
    return "".join([*parts, "<table>", *rows, "</table>"])


def _kind(kind: str, content: dict[str, Any]) -> str:
    reference = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    link = f" <a href='#{escape(reference)}'>{escape(reference)}</a>" if reference else ""
    return f"<code>{escape(kind)}</code>{link}"


def _fields(schema: dict[str, Any]) -> str:
    rows = []
    for name, field in schema.get("properties", {}).items():
        kind = field.get("enum") or field.get("type") or field.get("$ref", "").rpartition("/")[2]
        told = " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
        if name in schema.get("required", []):
            told += ", always there" if "format" not in field else ", required"
        text = escape(field.get("description", ""))
        rows.append(f"<tr><td><code>{escape(name)}</code></td><td>{escape(told)}</td><td>{text}</td></tr>")
    return f"<table>{''.join(rows)}</table>"


def _text(text: str) -> str:
    """Paragraphs and indented code."""
    blocks = []
    for block in text.strip().split("\n\n"):
        lines = block.splitlines()
        if lines and all(line.startswith("    ") for line in lines):
            code = "\n".join(line[4:] for line in lines)
            blocks.append(f"<pre>{escape(code)}</pre>")
        elif block:
            blocks.append(f"<p>{escape(block)}</p>")
    return "".join(blocks)
