"""The command line: `assent run | request | wait | show | cancel | verify`."""
