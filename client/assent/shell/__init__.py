"""The command line: `assent run | request | wait | show | cancel | mcp-gate | verify`."""
