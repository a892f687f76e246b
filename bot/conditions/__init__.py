"""CEL behind one small door: whatever is not a boolean is a `ConditionError`, never a value.

- `text`: what a condition may say; it is read before the engine sees it
- `engine`: what the engine makes of it
"""

from bot.conditions.engine import BITS, compile_condition

__all__ = ["BITS", "compile_condition"]
