"""A report as one HTML file: pictures embedded, nothing fetched, prints well."""

import base64

import jinja2

from sinusviewer import paths
from sinusviewer.report.content import Picture, ReportContent

TEMPLATE = "report.html.j2"


def render(content: ReportContent) -> str:
    """The report as an HTML document; every text is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(paths.resources_dir() / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = _data_uri
    return environment.get_template(TEMPLATE).render(report=content) + "\n"


def _data_uri(picture: Picture) -> str:
    return "data:image/png;base64," + base64.b64encode(picture.png).decode("ascii")
