"""Stand-alone examples: nothing here imports Assent, and Assent imports nothing from here."""
