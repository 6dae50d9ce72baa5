"""`python -m atrous <command>`."""

from atrous.cli import main

if __name__ == "__main__":
    main()
