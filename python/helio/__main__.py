"""`python -m helio`: the command line."""

from helio.cli import main

if __name__ == "__main__":
    main()
