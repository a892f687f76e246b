"""The command line: `assent run | request | wait | show | answer | cancel | mcp-gate | verify`."""
