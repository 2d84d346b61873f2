"""Templates of pages that stand alone: escaped, and never with a missing value."""

from pathlib import Path

import jinja2


def template(file: Path) -> jinja2.Template:
    """The template in a file."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(file.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(file.name)
