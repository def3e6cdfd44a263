"""The git side: mirrors of remote repositories, pushing tags, and what DVC says at a commit.

Everything here blocks, and runs git as a process; controllers call it from a bounded executor.
"""
