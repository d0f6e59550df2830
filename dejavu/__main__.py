"""`python -m dejavu`: the command line, for an interpreter whose scripts are not on the path."""

from dejavu.cli import main

if __name__ == "__main__":
    main()
