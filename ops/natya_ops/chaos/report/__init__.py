"""What a run leaves behind: a page, a picture, a document for programs, and, if not everything held, what it was judged by."""

from natya_ops.chaos.report.document import document
from natya_ops.chaos.report.summary import show
from natya_ops.chaos.report.writing import Report, check_can_draw, write

__all__ = ["Report", "check_can_draw", "document", "show", "write"]
