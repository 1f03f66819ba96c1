"""``python -m natya_ops`` is the command ``natya``."""

from natya_ops.cli import main

main()
