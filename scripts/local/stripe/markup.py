"""HTML for the hosted pages, and a PDF of a page of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:28rem;margin:3rem auto;padding:0 1rem;color:#1a1f36}
td:last-child{text-align:right}table{width:100%;border-collapse:collapse}
td{border-bottom:1px solid #e3e8ee;padding:.4rem 0}
label{display:block;margin:1rem 0 .2rem}input,select{width:100%;box-sizing:border-box;padding:.5rem;font:inherit}
button{margin:1rem .5rem 0 0;padding:.6rem 1.2rem;font:inherit}.problem{color:#b3093c}
header{color:#697386;font-size:.85rem}"""


def document(title: str, body: str) -> str:
    """A page."""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{STYLE}</style>"
        f"<header>Local Stripe: a stand-in, no money moves</header><h1>{escape(title)}</h1>{body}</html>"
    )


def rows(facts: Sequence[tuple[str, str]]) -> str:
    """Names and values."""
    cells = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in facts)
    return f"<table>{cells}</table>"


def field(name: str, label: str, value: str) -> str:
    """A line to fill in."""
    return f'<label for={name}>{escape(label)}</label><input id={name} name={name} value="{escape(value)}">'


def select(name: str, options: Mapping[str, str]) -> str:
    """A choice."""
    listed = "".join(f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in options.items())
    return f"<label for={name}>{name.capitalize()}</label><select id={name} name={name}>{listed}</select>"


def button(action: str, label: str) -> str:
    """A way to send the form."""
    return f"<button name=action value={action}>{escape(label)}</button>"


def money(amount: int, about: Mapping[str, Any]) -> str:
    """An amount in the smallest unit, for people; currencies without cents are shown with them."""
    return f"{amount / 100:.2f} {about['currency'].upper()}"


def pdf(lines: Sequence[str]) -> bytes:
    """One page of text."""
    shown = "".join(f"({''.join(c for c in line if c not in '()' and ' ' <= c <= '~')}) Tj T*\n" for line in lines)
    text = f"BT /F1 12 Tf 60 780 Td 18 TL\n{shown}ET"
    parts = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
            "/Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = "%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{part}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(parts) + 1}\n0000000000 65535 f \n{table}"
    return f"{out}{end}trailer << /Size {len(parts) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n".encode("ascii")
