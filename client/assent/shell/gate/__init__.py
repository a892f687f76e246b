"""A gate in front of an MCP server: its tools run only when Assent releases the call.

1. Every message of the client is read strictly, and written anew on one line of ASCII. Two readers of a line
   could each believe another one; of what we write there is one reading.
2. A call of a tool is asked about, waited for and redeemed. It goes on once, as the receipt has it.
3. Everything else goes on as it came. What cannot be read, or hides a call, goes nowhere.
4. No answer from Assent is a refusal.
"""
