"Run one notebook as `nbdev_test` does: python tools/check_notebook.py NOTEBOOK [FLAG ...]"
import sys
from pathlib import Path

from nbdev.config import get_config
from nbdev.test import test_nb


def main(path, *flags):
    path = Path(path).resolve()
    cfg = get_config(path=path.parent)
    ok, seconds = test_nb(path, skip_flags=cfg.tst_flags.split(), force_flags=list(flags), basepath=cfg.config_path)
    return 0 if ok else 1


if __name__ == '__main__': sys.exit(main(*sys.argv[1:]))
