"""What a shell completes in the place of a file or a folder; all else click knows by itself."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

__all__ = ["files", "folders"]


def files(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Leave it to the shell, which knows its files."""
    return [CompletionItem(incomplete, type="file")]


def folders(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Leave it to the shell, which knows its folders."""
    return [CompletionItem(incomplete, type="dir")]
