"""``python -m cfbilling`` is the command ``cfbilling``."""

from cfbilling.cli import main

if __name__ == "__main__":
    main()
