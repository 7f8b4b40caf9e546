"""`python -m dmp_matting.cli` is the command `dmp`."""

from .app import main

if __name__ == "__main__":
    main()
